"""What a job is expected to cost, and what costs are counted in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns; older rows, and those that an older process makes, have none of it."""
    op.add_column("videos", sa.Column("unit", sa.Text))
    op.add_column("videos", sa.Column("estimate", sa.BigInteger))
