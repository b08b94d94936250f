"""How a video's model was chosen, where a virtual one was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; older rows have none of it."""
    op.add_column("videos", sa.Column("route", sa.Text))
