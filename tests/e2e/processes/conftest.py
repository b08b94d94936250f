"""Fixtures of the tests with many processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from reelgate.sandbox import Sandbox
from tests.databases import databases
from tests.gateway import TINY, callers
from tests.postgres import PostgresServer

from .fleet import Fleet
from .gateways import Gateways


@pytest.fixture
async def fleet(
    tmp_path: Path, sandbox_url: str, postgres_server: PostgresServer
) -> AsyncIterator[Fleet]:
    """Nobody yet, on a database of this test's own."""
    with databases.on(postgres_server):
        async with callers() as session:
            running = Fleet(tmp_path, sandbox_url, session)
            try:
                yield running
            finally:
                await running.close()


@pytest.fixture
async def gateways(tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[Gateways]:
    """Nobody yet, on a database and a sandbox of this test's own."""
    with databases.on(postgres_server):
        async with Sandbox(TINY) as sandbox, AsyncExitStack() as stack:
            yield Gateways(tmp_path, sandbox, stack)
