"""Fixtures of the jobs API's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.gateway.processes import start_sandbox
from tests.gateway.world import TINY

from .jobs import JobsGateway, a_jobs_gateway


@pytest.fixture(scope="session")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One sandbox for all tests of this process: each knows its own requests by their prompt."""
    program = start_sandbox(TINY, tmp_path_factory.mktemp("sandbox") / "log")
    yield program.url
    program.terminate()
    assert program.ended() == 0


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[JobsGateway]:
    """A gateway with the usual settings."""
    async with a_jobs_gateway(tmp_path, sandbox_url) as running:
        yield running
