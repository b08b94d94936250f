"""When a video's upstream last said that there is something to see."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column; older rows have none of it."""
    op.add_column("videos", sa.Column("pushed_at", sa.Double))
