"""The tables with their indexes: what migrations lead to, loaded only by them and by their test.

No query needs to know an index, and to name what is Postgres' own loads all of its dialect: 2 MB
that a gateway with a file does without.
"""

from __future__ import annotations

from sqlalchemy import Index

from reelgate.db.schema import (
    HAS_FILE,
    OPEN,
    PENDING,
    RECHECKED,
    UNDER_WAY,
    WAITING,
    durations,
    idempotency_keys,
    metadata,
    videos,
    webhook_deliveries,
)

__all__ = ["metadata"]

Index("videos_by_owner", videos.c.owner, videos.c.id)
Index("videos_open", videos.c.id, sqlite_where=OPEN, postgresql_where=OPEN)
Index("videos_waiting", videos.c.waiting_on, sqlite_where=WAITING, postgresql_where=WAITING)
Index("videos_under_way", videos.c.provider, videos.c.state, postgresql_where=UNDER_WAY).ddl_if(
    dialect="postgresql"
)
Index("videos_by_request", videos.c.owner, videos.c.fingerprint, videos.c.id)
Index("videos_rechecked", videos.c.recheck_at, sqlite_where=RECHECKED, postgresql_where=RECHECKED)
Index("videos_with_file", videos.c.completed_at, sqlite_where=HAS_FILE, postgresql_where=HAS_FILE)
Index("durations_by_kind", durations.c.kind, durations.c.ticket)
Index("idempotency_keys_by_age", idempotency_keys.c.created_at)
Index("idempotency_keys_by_video", idempotency_keys.c.video_id)
Index(
    "webhook_deliveries_due",
    webhook_deliveries.c.due_at,
    sqlite_where=PENDING,
    postgresql_where=PENDING,
)
Index(
    "webhook_deliveries_by_url",
    webhook_deliveries.c.url,
    sqlite_where=PENDING,
    postgresql_where=PENDING,
)
Index(
    "webhook_deliveries_by_video",
    webhook_deliveries.c.video_id,
    webhook_deliveries.c.url,
    webhook_deliveries.c.seq,
)
Index("webhook_deliveries_by_age", webhook_deliveries.c.state, webhook_deliveries.c.queued_at)
