"""What a lost submit is found again by, and failures that turn out to be none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

RECHECKED = sa.text("state = 'failed' AND recheck_at IS NOT NULL")


def upgrade() -> None:
    """Add the columns; older rows, and those that an older process makes, have none of it."""
    op.add_column("videos", sa.Column("marker", sa.Text))
    op.add_column("videos", sa.Column("recheck_at", sa.Double))
    op.add_column("videos", sa.Column("corrects", sa.Text))
    op.create_index(
        "videos_rechecked",
        "videos",
        ["recheck_at"],
        sqlite_where=RECHECKED,
        postgresql_where=RECHECKED,
    )
