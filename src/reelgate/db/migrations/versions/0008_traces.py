"""The trace that a video's caller has begun, for its job and for its webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; older rows, and those that an older process makes, have none of it."""
    op.add_column("videos", sa.Column("traceparent", sa.Text))
    op.add_column("webhook_deliveries", sa.Column("traceparent", sa.Text))
