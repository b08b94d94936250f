"""Where processes count their requests to an upstream account together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table; older processes do without it."""
    op.create_table(
        "upstream_rates",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("busy_until", sa.Double, nullable=False),
    )
