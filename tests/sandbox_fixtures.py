"""The upstream of most tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.gateway.processes import start_sandbox
from tests.gateway import TINY


@pytest.fixture(scope="session")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One sandbox for all tests of this process: each knows its own requests by their prompt."""
    program = start_sandbox(TINY, tmp_path_factory.mktemp("sandbox") / "log")
    yield program.url
    program.terminate()
    assert program.ended() == 0
