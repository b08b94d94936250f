"""The rendering process: one JSON request a line on standard input, one JSON answer a line back.

It ends at once when its standard input closes, so that it never outlives its parent, however that
died.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path

from reelgate.rendering.clip import Clip
from reelgate.rendering.render import render

NICENESS = 5
"""Rendering gives way to the server, which often shares its cores."""


def main() -> None:
    """Render what is asked for until standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(lines,), daemon=True).start()
    while True:
        sys.stdout.write(json.dumps(_answer(lines.get())) + "\n")
        sys.stdout.flush()


def _read_requests(lines: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _answer(line: str) -> dict[str, object]:
    """Render one clip; the file appears under its name only when it is whole."""
    request = json.loads(line)
    path = Path(request["path"])
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        render(Clip(**request["clip"]), partial)
        partial.replace(path)
    except (OSError, ValueError) as exc:
        partial.unlink(missing_ok=True)
        return {"ok": False, "error": f"{type(exc).__name__}: {exc}"}
    return {"ok": True}


if __name__ == "__main__":
    main()
