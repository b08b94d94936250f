"""When a video was polled, and what each poll showed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; of older rows nothing is known."""
    op.add_column("videos", sa.Column("polls", sa.Text))
