"""The database's own clock, as an expression.

What several machines wait for together is due by the one clock that they share: theirs may be
minutes apart.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class DatabaseNow(FunctionElement[float]):
    """Unix time in seconds, at the database."""

    type = Double()
    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def on_postgres(_element: DatabaseNow, _compiler: Any, **_options: Any) -> str:  # noqa: ANN401
    """`now()` would be the time at which the transaction began."""
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(DatabaseNow, "sqlite")
def on_sqlite(_element: DatabaseNow, _compiler: Any, **_options: Any) -> str:  # noqa: ANN401
    """A Julian day as a double tells times to some 40 microseconds."""
    return "((julianday('now') - 2440587.5) * 86400.0)"
