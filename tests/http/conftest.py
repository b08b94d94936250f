"""Fixtures of the jobs API's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .jobs import JobsGateway, a_jobs_gateway


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[JobsGateway]:
    """A gateway with the usual settings."""
    async with a_jobs_gateway(tmp_path, sandbox_url) as running:
        yield running
