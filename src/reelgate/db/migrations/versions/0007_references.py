"""References that are kept for a submit, and what a video was made without."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add both; older processes do without them."""
    op.create_table(
        "kept_references",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("kept_at", sa.Double, nullable=False),
    )
    op.add_column("videos", sa.Column("warnings", sa.Text))
