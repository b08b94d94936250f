"""The API keys, kept as digests. A revoked one stays: a gateway that had a key never opens again.

What is kept of a revoked key's secret is marked, so that no secret fits it and the same secret
cannot come back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import structlog
from sqlalchemy import Connection, RowMapping, bindparam, insert, literal, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from reelgate.db.database import Database
from reelgate.db.schema import api_keys, videos
from reelgate.domain.api_keys import (
    BOOTSTRAP_ID,
    BOOTSTRAP_NAME,
    USUAL_SCOPES,
    Allowance,
    ApiKey,
    KeyStanding,
    Scope,
)

log = structlog.get_logger()

REVOKED = "revoked:"
"""Before the digest of a revoked key's secret."""
ALLOWANCE = tuple(field.name for field in fields(Allowance))
"""Each has a column of its name."""

Values = dict[str, Any]

ALL = select(api_keys).order_by(api_keys.c.created_at)
ADD = insert(api_keys)
USABLE = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("the_id"), api_keys.c.digest.not_like(f"{REVOKED}%"))
    .returning(*api_keys.c)
)
REVOKE = USABLE.values(digest=literal(REVOKED) + api_keys.c.digest, previous_digest=None)
ROTATE = USABLE.values(
    digest=bindparam("the_digest"),
    previous_digest=api_keys.c.digest,
    previous_until=bindparam("the_until"),
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
    """The keys that were not revoked, and whether there ever were any.

    Both come from one read, so that a revocation is never seen as "no key was ever made".

    Attributes:
        by_digest: by the digests of their secrets.
        by_previous: by the digests of the secrets that they had before their last rotation.
        standing: how the gateway stands.
    """

    by_digest: Mapping[str, ApiKey]
    by_previous: Mapping[str, ApiKey]
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
            connection.execute(ADD, row_of(key) | {"digest": digest})

        await self._database.write(change)

    async def revoke(self, key_id: str) -> bool:
        """Let nobody use a key any more; False if there is none with this id."""
        return await self._changed(REVOKE, {"the_id": key_id}) is not None

    async def rotate(self, key_id: str, digest: str, previous_until: float) -> ApiKey | None:
        """Give a key a new secret; the one before works until then, one before that no more.

        None if there is no such key.
        """
        values = {"the_id": key_id, "the_digest": digest, "the_until": previous_until}
        return await self._changed(ROTATE, values)

    async def change(self, key: ApiKey) -> ApiKey | None:
        """Let a key be as this says, but for its secrets; None if there is no such key."""
        changes = row_of(key)
        del changes["id"], changes["created_at"]
        return await self._changed(USABLE.values(changes), {"the_id": key.id})

    async def _changed(self, statement: ReturningUpdate[Any], values: Values) -> ApiKey | None:
        def change(connection: Connection) -> ApiKey | None:
            row = connection.execute(statement, values).mappings().first()
            return None if row is None else from_row(row)

        return await self._database.write(change)

    async def bootstrap(self, digest: str, now: float) -> None:
        """Keep the key that the settings bring, unless its secret is kept or was revoked.

        Another secret takes the place of the one before: the key is the same, with its videos.
        """
        await self._database.exclusive(lambda connection: keep_bootstrap(connection, digest, now))


def read_known(connection: Connection) -> KnownKeys:
    """What is known of the keys."""
    rows = connection.execute(ALL).mappings().all()
    keys = [(row, from_row(row)) for row in rows if not is_revoked(row)]
    if keys:
        return KnownKeys(
            {row["digest"]: key for row, key in keys},
            {row["previous_digest"]: key for row, key in keys if row["previous_digest"]},
            KeyStanding.ACTIVE,
        )
    existed = bool(rows) or connection.execute(SOMEBODYS).first() is not None
    return KnownKeys({}, {}, KeyStanding.REVOKED if existed else KeyStanding.NEVER)


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
        connection.execute(ADD, row_of(key) | {"digest": digest})
        log.info("bootstrap_key_kept", key=BOOTSTRAP_ID)
    else:
        connection.execute(RENEW, {"the_id": BOOTSTRAP_ID, "the_digest": digest})
        log.info("bootstrap_key_replaced", key=BOOTSTRAP_ID)


def is_revoked(row: RowMapping) -> bool:
    """Whether a row is all that is left of a key."""
    return str(row["digest"]).startswith(REVOKED)


def row_of(key: ApiKey) -> Values:
    """The row that holds a key, but for its secrets."""
    allowance = {name: getattr(key.allowance, name) for name in ALLOWANCE}
    return allowance | {
        "id": key.id,
        "name": key.name,
        "models": json.dumps(key.allowance.models) if key.allowance.models else None,
        "scopes": " ".join(sorted(key.scopes)),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


def from_row(row: RowMapping) -> ApiKey:
    """The key that a row holds.

    One of a version that knew no scopes may do what it could, and its credits a day let pass what
    nobody knew the price of.
    """
    told = {name: row[name] for name in ALLOWANCE} | {
        "models": tuple(json.loads(row["models"] or "[]")),
        "allow_unpriced": row["allow_unpriced"] is not False,
    }
    return ApiKey(
        id=row["id"],
        name=row["name"],
        allowance=Allowance(**told),
        created_at=row["created_at"],
        scopes=scopes_of(row),
        expires_at=row["expires_at"],
        previous_until=row["previous_until"] if row["previous_digest"] else None,
    )


def scopes_of(row: RowMapping) -> frozenset[Scope]:
    """What a key may be used for; the settings' key is the operator's, whatever its row says."""
    if row["id"] == BOOTSTRAP_ID:
        return frozenset(Scope)
    if row["scopes"] is None:
        return USUAL_SCOPES
    # A newer version may know others.
    told = row["scopes"].split()
    return frozenset(scope for scope in Scope if scope in told)
