"""The credentials of upstream accounts, encrypted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table; an older process does without it."""
    op.create_table(
        "credentials",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("obtained_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("org_id", sa.Text, nullable=False),
        sa.Column("parent_id", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("dead", sa.Text, nullable=False),
        sa.Column("lease", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
    )
