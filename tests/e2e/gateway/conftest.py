"""Fixtures of the gateway tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway import Gateway, a_gateway


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Gateway]:
    """A gateway with the usual settings."""
    async with a_gateway(tmp_path, sandbox_url) as running:
        yield running
