"""A live gateway, as the examples meet it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from reelgate.runtime.server import running
from reelgate.sandbox import Sandbox, SandboxOptions
from reelgate.settings import Settings

SPEED = 1000.0
MAX_SIDE_PX = 64


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a gateway whose sandbox makes tiny videos at once, for all tests of a process.

    Those who use it run on its loop.
    """
    async with Sandbox(SandboxOptions(speed=SPEED, max_short_side_px=MAX_SIDE_PX)) as sandbox:
        values = {
            "_env_file": None,
            "data_dir": tmp_path_factory.mktemp("gateway"),
            "port": 0,
            "sandbox_url": sandbox.url,
            "sandbox_speed": SPEED,
        }
        async with running(Settings.model_validate(values)) as url:
            yield url
