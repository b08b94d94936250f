"""How a request becomes a job: a new one, or the one that it already has.

All of it happens in one transaction, so that of many simultaneous equal requests one makes the job
and the others find it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import (
    Connection,
    Executable,
    RowMapping,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from reelgate.db.database import Database
from reelgate.db.rows import from_row, to_row
from reelgate.db.schema import OPEN, videos
from reelgate.db.schema import idempotency_keys as keys
from reelgate.db.usage import MAY_HAVE_COST, spent
from reelgate.domain.quota import NO_QUOTA, Quota
from reelgate.domain.video import Caller, State, Video
from reelgate.errors import (
    IdempotencyMismatch,
    VideoNotFound,
)

RETRY_WINDOW_S = 600.0
"""How long after the first try an SDK's own retry is recognised."""
KEY_TTL_S = 86400.0
"""How long an Idempotency-Key is remembered."""


class AdmissionResult(Enum):
    """Where a request's job comes from."""

    NEW = "new"  # it was made for this request
    REPLAYED = "replayed"  # the request's Idempotency-Key has it
    RETRIED = "retried"  # the first try of an SDK that tries again by itself made it
    ADOPTED = "adopted"  # a blocking caller that went away made it
    CACHED = "cached"  # it is finished, and the request takes a finished one


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """What a request's headers say of an existing job; times are Unix seconds.

    Attributes:
        now: the time.
        idempotency_key: the caller's own name for this request.
        retry: which try of an SDK this is; 0 is the first.
        max_age_s: how old a finished video of the same request may be to be taken instead.
        adopt_since: a blocking caller takes an abandoned job made since; None never does.
    """

    now: float
    idempotency_key: str | None = None
    retry: int = 0
    max_age_s: float | None = None
    adopt_since: float | None = None


OTHER_FIELDS = ("metadata", "webhook_url", "remixed_from")
"""What a body holds beside the video's fields: a retry must be equal in these as well."""

# Statements are built once: building one costs as much as running it.
SAME_REQUEST = (
    select(videos)
    .where(
        videos.c.owner == bindparam("the_owner"),
        videos.c.fingerprint == bindparam("the_fingerprint"),
    )
    .order_by(videos.c.id.desc())
    .limit(1)
)
FIRST_TRY = SAME_REQUEST.where(
    videos.c.created_at >= bindparam("since"),
    videos.c.retries < bindparam("the_retry"),
    *(videos.c[name].is_not_distinct_from(bindparam(f"the_{name}")) for name in OTHER_FIELDS),
)
FINISHED = SAME_REQUEST.where(
    videos.c.state == State.COMPLETED.value,
    videos.c.completed_at >= bindparam("since"),
    videos.c.expires_at.is_(None) | (videos.c.expires_at > bindparam("the_now")),
)
# A caller who comes back gets the failure of a job that may have cost something, once; after a
# failure that surely cost nothing, or a cancel, its request makes a new job.
ADOPTABLE = (videos.c.state != State.FAILED.value) | MAY_HAVE_COST
ABANDONED = (
    select(videos.c.id)
    .where(
        videos.c.owner == bindparam("the_owner"),
        videos.c.fingerprint == bindparam("the_fingerprint"),
        videos.c.caller == Caller.GONE.value,
        videos.c.created_at >= bindparam("since"),
        ADOPTABLE,
    )
    .order_by(videos.c.id)
    .limit(1)
)
# A found row is then taken by a compare-and-set. SKIP LOCKED would miss the job that its worker
# moves at that moment, and pay for another.
COUNT_RETRY = (
    update(videos)
    .where(videos.c.id == bindparam("the_id"), videos.c.retries < bindparam("the_retry"))
    .values(retries=bindparam("the_retry"))
)
CALLER_RETURNED = (
    update(videos)
    .where(videos.c.id == bindparam("the_id"), videos.c.caller == Caller.GONE.value)
    .values(caller=Caller.WAITING.value)
)
ADOPT = CALLER_RETURNED.where(ADOPTABLE)
ADD = insert(videos)
FIND = select(videos).where(videos.c.id == bindparam("the_id"))
FIND_KEY = select(keys).where(keys.c.owner == bindparam("the_owner"), keys.c.key == bindparam("k"))
POINT_KEY = (
    update(keys).where(keys.c.video_id == bindparam("was")).values(video_id=bindparam("now"))
)
FORGET_KEYS = delete(keys).where(keys.c.created_at < bindparam("before"))
COUNT_OPEN = (
    select(func.count()).select_from(videos).where(OPEN, videos.c.owner == bindparam("the_owner"))
)


LOCK_OWNER = text("SELECT pg_advisory_xact_lock(hashtextextended(:the_owner, 0))")
# As text, which both databases read alike: each dialect's own construct loads all its drivers.
STORE_KEY = text("""
    INSERT INTO idempotency_keys (owner, key, fingerprint, video_id, created_at)
    VALUES (:owner, :key, :fingerprint, :video_id, :created_at)
    ON CONFLICT (owner, key) DO UPDATE SET
        fingerprint = excluded.fingerprint,
        video_id = excluded.video_id,
        created_at = excluded.created_at
    WHERE idempotency_keys.created_at < :before
""")
"""Inserts a key; replaces the same key if that has expired."""


def no_queue(_connection: Connection, _video_id: str) -> None:
    """For a queue that is not in the database."""


class Admission:
    """The only way to create a job."""

    def __init__(
        self, database: Database, queue_up: Callable[[Connection, str], None] = no_queue
    ) -> None:
        """`queue_up` gets a new job's id in the transaction that creates it."""
        self._database = database
        self._queue_up = queue_up

    async def admit(
        self, video: Video, options: AdmissionOptions, quota: Quota = NO_QUOTA
    ) -> tuple[Video, AdmissionResult]:
        """Insert this video, or find the one that its request already has.

        `quota`: what the owner may have; a job that it already has is never refused.

        Raises:
            IdempotencyMismatch: its key belongs to another request.
            VideoNotFound: its key's video was deleted.
            RateLimited, ModelNotAllowed, PriceRefused: a new job would exceed its owner's quota.
        """

        def change(connection: Connection) -> tuple[Video, AdmissionResult]:
            admitted, result = admit(connection, video, options, quota)
            if result is AdmissionResult.NEW:
                self._queue_up(connection, admitted.id)
            return admitted, result

        return await self._database.write(change)

    async def forget_keys(self, now: float) -> None:
        """Delete the expired Idempotency-Keys."""

        def change(connection: Connection) -> None:
            connection.execute(FORGET_KEYS, {"before": now - KEY_TTL_S})

        await self._database.write(change)


def admit(
    connection: Connection, video: Video, options: AdmissionOptions, quota: Quota = NO_QUOTA
) -> tuple[Video, AdmissionResult]:
    """Find or insert, in this order: key, retry, abandoned job, finished video, new job."""
    if options.idempotency_key is not None and not store_key(connection, video, options):
        return by_key(connection, video, options), AdmissionResult.REPLAYED
    for find, result in (
        (first_try, AdmissionResult.RETRIED),
        (abandoned, AdmissionResult.ADOPTED),
        (finished, AdmissionResult.CACHED),
    ):
        found = find(connection, video, options)
        if found is not None:
            if options.idempotency_key is not None:
                connection.execute(POINT_KEY, {"was": video.id, "now": found.id})
            return found, result
    check_quota(connection, video.owner, quota, options.now)
    connection.execute(ADD, to_row(video))
    return video, AdmissionResult.NEW


def check_quota(connection: Connection, owner: str, quota: Quota, now: float) -> None:
    """Refuse a new job beyond its owner's quota.

    Raises:
        RateLimited: saying which limit, and when to come back.
        ModelNotAllowed, PriceRefused: whatever the owner has spent.
    """
    if quota.refusal is not None:
        raise quota.refusal
    if quota == NO_QUOTA:
        return
    if connection.dialect.name == "postgresql":
        # Other processes admit as well: one owner's jobs are admitted one after the other.
        connection.execute(LOCK_OWNER, {"the_owner": owner})
    if quota.max_in_flight is not None:
        quota.check_open(connection.scalar(COUNT_OPEN, {"the_owner": owner}) or 0)
    if quota.limits:
        quota.check_spent(spent(connection, owner, quota.since, now), now)


def store_key(connection: Connection, video: Video, options: AdmissionOptions) -> bool:
    """Store the Idempotency-Key with this video; False if it is stored with one already."""
    row = {
        "owner": video.owner,
        "key": options.idempotency_key,
        "fingerprint": body_digest(video),
        "video_id": video.id,
        "created_at": options.now,
        "before": options.now - KEY_TTL_S,
    }
    return bool(connection.execute(STORE_KEY, row).rowcount)


def by_key(connection: Connection, video: Video, options: AdmissionOptions) -> Video:
    """The video of this Idempotency-Key."""
    values = {"the_owner": video.owner, "k": options.idempotency_key}
    known = connection.execute(FIND_KEY, values).mappings().one()
    if known["fingerprint"] != body_digest(video):
        raise IdempotencyMismatch(param="Idempotency-Key")
    return caller_returned(connection, known["video_id"], video.caller)


def body_digest(video: Video) -> str:
    """A digest that is equal for equal bodies, of whatever shape.

    Rows hold it, as they hold fingerprints: something new beside a request may count only where
    it is told. See docs/adr/0014-fingerprints.md.
    """
    digest = video.asked.fingerprint()
    row = to_row(video)
    others = [row[name] for name in OTHER_FIELDS]
    if not any(others):
        return digest
    return hashlib.sha256(json.dumps([digest, *others]).encode()).hexdigest()


def caller_returned(connection: Connection, video_id: str, caller: Caller) -> Video:
    """A video that was requested before; a blocking caller who had disconnected is back now."""
    if caller is Caller.WAITING:
        connection.execute(CALLER_RETURNED, {"the_id": video_id})
    return by_id(connection, video_id)


def by_id(connection: Connection, video_id: str) -> Video:
    """The video that was found.

    Raises:
        VideoNotFound: it was deleted.
    """
    row = connection.execute(FIND, {"the_id": video_id}).mappings().first()
    if row is None:
        message = f"video {video_id!r}, which this Idempotency-Key made, was deleted"
        raise VideoNotFound(message)
    return from_row(row)


def first_try(connection: Connection, video: Video, options: AdmissionOptions) -> Video | None:
    """The video that an earlier try of an SDK made.

    OpenAI's SDKs try a POST again after a broken connection without any key; only the count of
    their tries tells. Each count is used once, so that two callers' retries get two videos.
    """
    if options.retry <= 0:
        return None
    row_of_retry = to_row(video)
    others = {f"the_{name}": row_of_retry[name] for name in OTHER_FIELDS}
    since = {"since": options.now - RETRY_WINDOW_S, "the_retry": options.retry}
    while (row := first(connection, video, FIRST_TRY, since | others)) is not None:
        values = {"the_id": row["id"], "the_retry": options.retry}
        if connection.execute(COUNT_RETRY, values).rowcount:
            return caller_returned(connection, row["id"], video.caller)
    return None


def abandoned(connection: Connection, video: Video, options: AdmissionOptions) -> Video | None:
    """The oldest job of an equal request whose blocking caller has disconnected."""
    if options.adopt_since is None:
        return None
    while (row := first(connection, video, ABANDONED, {"since": options.adopt_since})) is not None:
        if connection.execute(ADOPT, {"the_id": row["id"]}).rowcount:
            return by_id(connection, row["id"])
    return None


def finished(connection: Connection, video: Video, options: AdmissionOptions) -> Video | None:
    """The newest finished video of an equal request, if the caller accepts one."""
    if options.max_age_s is None:
        return None
    since = {"since": options.now - options.max_age_s, "the_now": options.now}
    row = first(connection, video, FINISHED, since)
    return None if row is None else from_row(row)


def first(
    connection: Connection, video: Video, statement: Executable, more: dict[str, Any]
) -> RowMapping | None:
    """The first row of a statement about this video's owner and request."""
    values = {"the_owner": video.owner, "the_fingerprint": video.asked.fingerprint()}
    return connection.execute(statement, values | more).mappings().first()
