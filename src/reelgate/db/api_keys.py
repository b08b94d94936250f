"""The API keys, kept as digests. A revoked one stays: a gateway that had a key never opens again.

What is kept of a revoked key's secret is marked, so that no secret fits it and the same secret
cannot come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, RowMapping, bindparam, insert, literal, select, update

from reelgate.db.database import Database
from reelgate.db.schema import api_keys, videos
from reelgate.domain.api_keys import BOOTSTRAP_ID, BOOTSTRAP_NAME, Allowance, ApiKey, KeyStanding

log = structlog.get_logger()

REVOKED = "revoked:"
"""Before the digest of a revoked key's secret."""

ALL = select(api_keys).order_by(api_keys.c.created_at)
ADD = insert(api_keys)
REVOKE = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("the_id"), api_keys.c.digest.not_like(f"{REVOKED}%"))
    .values(digest=literal(REVOKED) + api_keys.c.digest)
)
RENEW = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("the_id"))
    .values(digest=bindparam("the_digest"))
)
OF_SECRET = select(api_keys).where(
    api_keys.c.digest.in_([bindparam("the_digest"), bindparam("the_revoked")])
)
OF_ID = select(api_keys.c.id).where(api_keys.c.id == bindparam("the_id"))
SOMEBODYS = select(videos.c.id).where(videos.c.owner > "").limit(1)
"""A video made with a key: older versions kept nothing of a key that was revoked."""


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """The keys that may be used, by the digests of their secrets, and whether there ever were any.

    Both come from one read, so that a revocation is never seen as "no key was ever made".
    """

    by_digest: Mapping[str, ApiKey]
    standing: KeyStanding


class ApiKeys:
    """Named queries on the API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self) -> KnownKeys:
        """Every key that may be used, and how the gateway stands."""
        return await self._database.read(read_known)

    async def add(self, key: ApiKey, digest: str) -> None:
        """Keep a new key."""

        def change(connection: Connection) -> None:
            connection.execute(ADD, row_of(key, digest))

        await self._database.write(change)

    async def revoke(self, key_id: str) -> bool:
        """Let nobody use a key any more; False if there is none with this id."""

        def change(connection: Connection) -> bool:
            return bool(connection.execute(REVOKE, {"the_id": key_id}).rowcount)

        return await self._database.write(change)

    async def bootstrap(self, digest: str, now: float) -> None:
        """Keep the key that the settings bring, unless its secret is kept or was revoked.

        Another secret takes the place of the one before: the key is the same, with its videos.
        """
        await self._database.exclusive(lambda connection: keep_bootstrap(connection, digest, now))


def read_known(connection: Connection) -> KnownKeys:
    """What is known of the keys."""
    rows = connection.execute(ALL).mappings().all()
    by_digest = {row["digest"]: from_row(row) for row in rows if not is_revoked(row)}
    if by_digest:
        return KnownKeys(by_digest, KeyStanding.ACTIVE)
    existed = bool(rows) or connection.execute(SOMEBODYS).first() is not None
    return KnownKeys({}, KeyStanding.REVOKED if existed else KeyStanding.NEVER)


def keep_bootstrap(connection: Connection, digest: str, now: float) -> None:
    """Keep the settings' key, while no other process does."""
    secret = {"the_digest": digest, "the_revoked": f"{REVOKED}{digest}"}
    kept = connection.execute(OF_SECRET, secret).mappings().first()
    if kept is not None:
        if is_revoked(kept):
            log.warning("bootstrap_key_was_revoked", key=kept["id"])
        return
    if connection.execute(OF_ID, {"the_id": BOOTSTRAP_ID}).first() is None:
        key = ApiKey(BOOTSTRAP_ID, BOOTSTRAP_NAME, Allowance(), now)
        connection.execute(ADD, row_of(key, digest))
        log.info("bootstrap_key_kept", key=BOOTSTRAP_ID)
    else:
        connection.execute(RENEW, {"the_id": BOOTSTRAP_ID, "the_digest": digest})
        log.info("bootstrap_key_replaced", key=BOOTSTRAP_ID)


def is_revoked(row: RowMapping) -> bool:
    """Whether a row is all that is left of a key."""
    return str(row["digest"]).startswith(REVOKED)


def row_of(key: ApiKey, digest: str) -> dict[str, str | int | float | None]:
    """The row that holds a key."""
    return {
        "id": key.id,
        "name": key.name,
        "digest": digest,
        "rpm": key.allowance.rpm,
        "max_in_flight": key.allowance.max_in_flight,
        "credits_per_day": key.allowance.credits_per_day,
        "created_at": key.created_at,
    }


def from_row(row: RowMapping) -> ApiKey:
    """The key that a row holds."""
    allowance = Allowance(row["rpm"], row["max_in_flight"], row["credits_per_day"])
    return ApiKey(row["id"], row["name"], allowance, row["created_at"])
