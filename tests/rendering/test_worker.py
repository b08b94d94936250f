from __future__ import annotations

import subprocess
import sys

from reelgate.rendering.renderer import WORKER


def test_the_rendering_process_loads_no_server() -> None:
    """A first video waits for what it loads."""
    program = f"import sys, {WORKER}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    loaded = run.stdout.split()
    assert WORKER in loaded
    assert not {"aiohttp", "reelgate.sandbox"} & set(loaded)
