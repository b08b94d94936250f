"""The videos, the durations learned from them, accounts, keys and webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

HAS_FILE = sa.text("file_bytes IS NOT NULL")
OPEN = sa.text("state NOT IN ('completed', 'failed')")
PENDING = sa.text("state = 'pending'")
UNCOUNTED = str(2**31)
UNDER_WAY = sa.text("state IN ('submitting', 'rendering')")
WAITING = sa.text("caller = 'waiting'")

TELL_CHANGE = """
CREATE FUNCTION reelgate_tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('reelgate_changes', NEW.id || ' ' || current_setting('application_name'));
    RETURN NULL;
END
$$
"""
NOTE_WAITER = """
CREATE FUNCTION reelgate_note_waiter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.waiting_on := substring(current_setting('application_name') FROM '^reelgate-([0-9]+)$');
    RETURN NEW;
END
$$
"""
ON_WAITER = """
CREATE TRIGGER reelgate_note_waiter BEFORE INSERT OR UPDATE OF caller ON videos FOR EACH ROW
WHEN (NEW.caller = 'waiting')
EXECUTE FUNCTION reelgate_note_waiter()
"""
ON_CHANGE = """
CREATE TRIGGER reelgate_tell_change AFTER UPDATE ON videos FOR EACH ROW
WHEN (OLD.state <> NEW.state OR OLD.epoch <> NEW.epoch OR OLD.attempts <> NEW.attempts)
EXECUTE FUNCTION reelgate_tell_change()
"""


def upgrade() -> None:
    """Create the tables."""
    create_videos()
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "videos_under_way", "videos", ["provider", "state"], postgresql_where=UNDER_WAY
        )
        for trigger in (TELL_CHANGE, ON_CHANGE, NOTE_WAITER, ON_WAITER):
            op.execute(trigger)
    create_durations()
    create_keys()
    create_accounts()
    create_webhooks()


def create_videos() -> None:
    """The jobs."""
    op.create_table(
        "videos",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("waiting_on", sa.BigInteger),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("provider_id", sa.Text),
        sa.Column("batch_id", sa.Text),
        sa.Column("cost", sa.Integer),
        sa.Column("forecast", sa.Text),
        sa.Column("failure", sa.Text),
        sa.Column("file", sa.Text),
        sa.Column("file_bytes", sa.BigInteger),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("submitting_at", sa.Double),
        sa.Column("submitted_at", sa.Double),
        sa.Column("ready_at", sa.Double),
        sa.Column("completed_at", sa.Double),
        sa.Column("expires_at", sa.Double),
        sa.Column("remixed_from", sa.Text),
        sa.Column("metadata", sa.Text),
        sa.Column("webhook_url", sa.Text),
    )
    op.create_index("videos_by_owner", "videos", ["owner", "id"])
    op.create_index("videos_open", "videos", ["id"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index(
        "videos_waiting", "videos", ["waiting_on"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_index("videos_by_request", "videos", ["owner", "fingerprint", "id"])
    op.create_index(
        "videos_with_file",
        "videos",
        ["completed_at"],
        sqlite_where=HAS_FILE,
        postgresql_where=HAS_FILE,
    )


def create_durations() -> None:
    """What the pacing learns from."""
    op.create_table(
        "durations",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("after_s", sa.Double, nullable=False),
        sa.Column("by_s", sa.Double, nullable=False),
        sa.Column("submitted_at", sa.Double, nullable=False),
        sa.Column("ticket", sa.Double, nullable=False),
    )
    op.create_index("durations_by_kind", "durations", ["kind", "ticket"])


def create_keys() -> None:
    """What callers send along to be recognised by."""
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("video_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["created_at"])
    op.create_index("idempotency_keys_by_video", "idempotency_keys", ["video_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("rpm", sa.Integer),
        sa.Column("max_in_flight", sa.Integer),
        sa.Column("credits_per_day", sa.Integer),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("busy_until", sa.Double, nullable=False, server_default="0"),
    )


def create_accounts() -> None:
    """What processes that share an upstream account agree on."""
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("in_flight", sa.BigInteger, nullable=False, server_default=UNCOUNTED),
        sa.Column("submitting", sa.BigInteger, nullable=False, server_default=UNCOUNTED),
        sa.Column("rests_until", sa.Double, nullable=False, server_default="0"),
        sa.Column("cautious", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("trial_until", sa.Double, nullable=False, server_default="0"),
        sa.Column("waiting", sa.Text, nullable=False, server_default="[]"),
        sa.Column("looks_rest_until", sa.Double, nullable=False, server_default="0"),
    )


def create_webhooks() -> None:
    """What is to be told to whom, and who does not want to be told."""
    op.create_table(
        "webhook_deliveries",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("video_id", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("queued_at", sa.Double, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("claimed_until", sa.Double),
        sa.Column("tried_at", sa.Double),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
    )
    for name, columns, pending in (
        ("due", ["due_at"], True),
        ("by_url", ["url"], True),
        ("by_video", ["video_id", "url", "seq"], False),
        ("by_age", ["state", "queued_at"], False),
    ):
        where = PENDING if pending else None
        op.create_index(
            f"webhook_deliveries_{name}",
            "webhook_deliveries",
            columns,
            sqlite_where=where,
            postgresql_where=where,
        )
    op.create_table(
        "webhook_endpoints",
        sa.Column("url", sa.Text, primary_key=True),
        sa.Column("disabled_at", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
