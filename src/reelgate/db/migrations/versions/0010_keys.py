"""What an API key may do beside how often, and what deleted videos have cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

OF_KEYS = (
    ("scopes", sa.Text),
    ("credits_per_month", sa.BigInteger),
    ("usd_per_day", sa.BigInteger),
    ("usd_per_month", sa.BigInteger),
    ("max_price_credits", sa.BigInteger),
    ("max_price_usd", sa.BigInteger),
    ("models", sa.Text),
    ("allow_unpriced", sa.Boolean),
    ("expires_at", sa.Double),
    ("previous_digest", sa.Text),
    ("previous_until", sa.Double),
)


def upgrade() -> None:
    """Add them; older keys, and those that an older process makes, have none of it."""
    for name, type_ in OF_KEYS:
        op.add_column("api_keys", sa.Column(name, type_))
    op.create_table(
        "deleted_usage",
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("jobs", sa.Integer, nullable=False),
        sa.Column("completed", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("unpriced", sa.Integer, nullable=False),
        sa.Column("dearest", sa.BigInteger, nullable=False),
    )
