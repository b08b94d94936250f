"""The databases of the tests: one Postgres server for all of pytest's processes, and SQLite files.

`REELGATE_TEST_POSTGRES` names a server to use instead of the pip-installed one, as a URL of a
database in which others may be created. `REELGATE_TEST_DATABASE=postgres` runs on Postgres what
would run on SQLite alone.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.databases import databases
from tests.postgres import PostgresServer, pip_installed

GIVEN = os.environ.get("REELGATE_TEST_POSTGRES", "")
DEFAULT_KIND = os.environ.get("REELGATE_TEST_DATABASE", "sqlite")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    session = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        session = session.parent
    # Not below pytest's own folder: each new session of pytest closes that to other users, and the
    # server runs as one.
    name = hashlib.sha256(str(session).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"reelgate-test-postgres-{name}"
    with nullcontext(GIVEN) if GIVEN else pip_installed(folder) as url:
        server = PostgresServer(make_url(url))
        yield server
        server.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked `both_databases` on both."""
    if metafunc.definition.get_closest_marker("both_databases"):
        metafunc.parametrize("database_kind", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """What kind of database this test's gateways use."""
    kind: str = getattr(request, "param", DEFAULT_KIND)
    if kind == "sqlite":
        yield kind
        return
    with databases.on(request.getfixturevalue("postgres_server")):
        yield kind


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database with its tables, of this test alone."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database with nothing in it."""
    with postgres_server.database(migrated=False) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Either kind of database: what is promised holds on both."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path}/reelgate.sqlite"
