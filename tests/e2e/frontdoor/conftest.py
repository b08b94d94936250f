"""A live gateway, as the examples meet it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reelgate.runtime.server import running
from reelgate.sandbox import Sandbox, SandboxOptions
from reelgate.settings import Settings

SPEED = 1000.0
MAX_SIDE_PX = 64


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a gateway whose sandbox makes tiny videos at once."""
    async with Sandbox(SandboxOptions(speed=SPEED, max_short_side_px=MAX_SIDE_PX)) as sandbox:
        values = {
            "_env_file": None,
            "data_dir": tmp_path / "data",
            "port": 0,
            "sandbox_url": sandbox.url,
            "sandbox_speed": SPEED,
        }
        async with running(Settings.model_validate(values)) as url:
            yield url
