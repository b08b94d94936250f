"""How many processes decode a file that they have taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column; older rows, and those that an older process makes, know of none."""
    op.add_column("videos", sa.Column("decodings", sa.Integer))
