"""A gateway with a sandbox of its own, so that the sandbox's uploads are this test's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from reelgate.sandbox import Sandbox
from tests.gateway import TINY, Gateway, a_gateway


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(TINY) as running:
        yield running


@pytest.fixture
async def gateway(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Gateway]:
    async with a_gateway(tmp_path, sandbox.url) as running:
        yield running


@pytest.fixture
async def lenient(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Gateway]:
    """A gateway that fetches pictures from private networks: the tests' servers are there."""
    async with a_gateway(tmp_path, sandbox.url, reference_allow_private=True) as running:
        yield running
