"""What all tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from itertools import chain, groupby

import pytest
from hypothesis import settings

pytest_plugins = ["tests.database_fixtures", "tests.sandbox_fixtures"]

# Hundreds of Python processes start in these tests, and each would compile all that it imports
# where a shell forbids to keep compiled code. That would be half of the suite's processor time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What the suite says of a change is the same each time; `make properties` looks further. No example
# has a deadline: machines differ, and modules are imported when they are first used.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("further", max_examples=1000, deadline=None)
settings.load_profile("same")

MAY_SKIP = os.environ.get("REELGATE_TEST_REQUIRE") != "1"
"""Where everything is installed, as in CI, a test that skips has failed."""


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the test alone, whatever the shell that runs it has set."""
    for name in os.environ:
        if name.startswith(("REELGATE_", "IMAGINE_")) or name == "PORT":
            monkeypatch.delenv(name)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the files out to the processes, after the tests that take longest.

    Each process begins with its share of the list, one piece. As it is collected, one had all that
    wait for the network and another all that need the processor, and a long test came last.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    long = [[item] for item in items if item.get_closest_marker("long")]
    others = (item for item in items if not item.get_closest_marker("long"))
    files = (list(of_one) for _, of_one in groupby(others, key=lambda item: item.path))
    for together in chain(long, files):
        min(shares, key=len).extend(together)
    items[:] = chain.from_iterable(shares)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips where nothing may be skipped."""
    report = yield
    if report.skipped and not MAY_SKIP:
        report.outcome = "failed"
        report.longrepr = f"skipped, with REELGATE_TEST_REQUIRE=1: {report.longreprtext}"
    return report
