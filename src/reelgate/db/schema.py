"""The tables; `indexes.py` has their indexes.

A change here needs a migration beside it; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

HAS_FILE = text("file_bytes IS NOT NULL")
"""Which videos have a file that retention may remove."""

metadata = MetaData()

CHANGES_CHANNEL = "reelgate_changes"
"""Where Postgres notifies of changes: a trigger sends the video's id and who changed it."""

OPEN = text("state NOT IN ('completed', 'failed')")
"""Which videos still go on; a partial index serves only queries that say it in the same words."""

WAITING = text("caller = 'waiting'")
"""Which videos a blocking caller waits for; `waiting_on` is the process that holds the line."""

RECHECKED = text("state = 'failed' AND recheck_at IS NOT NULL")
"""Which failed videos are looked for, or polled, again."""

UNDER_WAY = text("state IN ('submitting', 'rendering')")
"""Which videos an upstream account has under way; only Postgres counts them."""

videos = Table(
    "videos",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("caller", Text, nullable=False),
    Column("waiting_on", BigInteger),
    Column("retries", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("provider_id", Text),
    Column("batch_id", Text),
    Column("cost", Integer),
    Column("forecast", Text),
    Column("failure", Text),
    Column("file", Text),
    Column("file_bytes", BigInteger),
    Column("created_at", Double, nullable=False),
    Column("submitting_at", Double),
    Column("submitted_at", Double),
    Column("ready_at", Double),
    Column("completed_at", Double),
    Column("expires_at", Double),
    Column("remixed_from", Text),
    Column("metadata", Text),
    Column("webhook_url", Text),
    # Null until a video that was being fetched is taken over.
    Column("decodings", Integer),
    Column("marker", Text),
    Column("recheck_at", Double),
    Column("corrects", Text),
    Column("warnings", Text),
    # What `cost` and `estimate` count; null: the provider's credits.
    Column("unit", Text),
    Column("estimate", BigInteger),
    # What its caller sent, where that names a trace.
    Column("traceparent", Text),
    # How its model was chosen, as JSON; null: it was asked for by name.
    Column("route", Text),
    Column("pushed_at", Double),
    # As JSON, no longer than `MOST_KEPT` of them are; null: none is known.
    Column("polls", Text),
)

kept_references = Table(
    "kept_references",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kept_at", Double, nullable=False),
)

characters = Table(
    "characters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

durations = Table(
    "durations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("after_s", Double, nullable=False),
    Column("by_s", Double, nullable=False),
    Column("submitted_at", Double, nullable=False),
    Column("ticket", Double, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("video_id", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("rpm", Integer),
    Column("max_in_flight", Integer),
    Column("credits_per_day", Integer),
    Column("created_at", Double, nullable=False),
    # Where processes count a key's requests together: until when those it made keep it busy.
    Column("busy_until", Double, nullable=False, server_default="0"),
    # Null in all that follows: a key of a version that knew none of it.
    Column("scopes", Text),
    Column("credits_per_month", BigInteger),
    # Dollars in millionths.
    Column("usd_per_day", BigInteger),
    Column("usd_per_month", BigInteger),
    Column("max_price_credits", BigInteger),
    Column("max_price_usd", BigInteger),
    Column("models", Text),
    Column("allow_unpriced", Boolean),
    Column("expires_at", Double),
    # The secret before the last rotation, and until when it still works.
    Column("previous_digest", Text),
    Column("previous_until", Double),
)

deleted_usage = Table(
    "deleted_usage",
    metadata,
    # Days since 1 January 1970.
    Column("day", Integer, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("jobs", Integer, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("unpriced", Integer, nullable=False),
    Column("dearest", BigInteger, nullable=False),
)
"""What is left of deleted videos, so that nobody gets room to spend by deleting."""

credentials = Table(
    "credentials",
    metadata,
    Column("account", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # Encrypted: the tokens stand in no column that can be read.
    Column("secret", LargeBinary, nullable=False),
    Column("obtained_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("org_id", Text, nullable=False),
    Column("parent_id", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("dead", Text, nullable=False),
    # Who renews it, by the database's clock; left over where nobody knows how that ended.
    Column("lease", Text, nullable=False),
    Column("lease_until", Double, nullable=False),
)

UNCOUNTED = str(2**31)
"""More than any limit: it must be counted first."""
NOBODY = "[]"
"""Nobody waits for an account, as JSON."""

accounts = Table(
    "accounts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("in_flight", BigInteger, nullable=False, server_default=UNCOUNTED),
    Column("submitting", BigInteger, nullable=False, server_default=UNCOUNTED),
    Column("rests_until", Double, nullable=False, server_default="0"),
    Column("cautious", Boolean, nullable=False, server_default=false()),
    Column("trial_until", Double, nullable=False, server_default="0"),
    Column("waiting", Text, nullable=False, server_default=NOBODY),
    Column("looks_rest_until", Double, nullable=False, server_default="0"),
)
"""The upstream accounts that many processes use; `limits/account.py` says what it means."""

PENDING = text("state = 'pending'")
"""Which deliveries are still to be made; worded once, as `OPEN` is."""

upstream_rates = Table(
    "upstream_rates",
    metadata,
    Column("account", Text, primary_key=True),
    Column("busy_until", Double, nullable=False),
)
"""Until when the requests that were made keep an upstream account busy."""

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    # Grows with the moves of a video, which its row's lock puts in line: the order of its events.
    Column(
        "seq",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("id", Text, nullable=False, unique=True),
    Column("video_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("queued_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("claimed_until", Double),
    Column("tried_at", Double),
    Column("status", Integer),
    Column("error", Text),
    Column("traceparent", Text),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("url", Text, primary_key=True),
    Column("disabled_at", Double, nullable=False),
    Column("reason", Text, nullable=False),
)
"""The endpoints that are switched off; one that works has no row."""


class DatabaseNow(FunctionElement[float]):
    """Unix time in seconds by the database's own clock: several machines' may be minutes apart."""

    type = Double()
    inherit_cache = True


@compiles(DatabaseNow, "postgresql")
def on_postgres(_element: DatabaseNow, _compiler: Any, **_options: Any) -> str:  # noqa: ANN401
    """`now()` would be the time at which the transaction began."""
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


@compiles(DatabaseNow, "sqlite")
def on_sqlite(_element: DatabaseNow, _compiler: Any, **_options: Any) -> str:  # noqa: ANN401
    """A Julian day as a double tells times to some 40 microseconds."""
    return "((julianday('now') - 2440587.5) * 86400.0)"
