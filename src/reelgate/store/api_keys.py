"""The API keys, kept as digests."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select

from reelgate.keys import Allowance, ApiKey
from reelgate.store.database import Database
from reelgate.store.schema import api_keys

ALL = select(api_keys).order_by(api_keys.c.created_at)
ADD = insert(api_keys)
REVOKE = delete(api_keys).where(api_keys.c.id == bindparam("the_id"))


class ApiKeys:
    """Named queries on the API keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_digest(self) -> dict[str, ApiKey]:
        """Every key, by the digest of its secret."""

        def read(connection: Connection) -> dict[str, ApiKey]:
            rows = connection.execute(ALL).mappings()
            return {row["digest"]: from_row(row) for row in rows}

        return await self._database.read(read)

    async def add(self, key: ApiKey, digest: str) -> None:
        """Keep a new key."""
        row = {
            "id": key.id,
            "name": key.name,
            "digest": digest,
            "rpm": key.allowance.rpm,
            "max_in_flight": key.allowance.max_in_flight,
            "credits_per_day": key.allowance.credits_per_day,
            "created_at": key.created_at,
        }

        def change(connection: Connection) -> None:
            connection.execute(ADD, row)

        await self._database.write(change)

    async def revoke(self, key_id: str) -> bool:
        """Forget a key; False if there is none with this id."""

        def change(connection: Connection) -> bool:
            return bool(connection.execute(REVOKE, {"the_id": key_id}).rowcount)

        return await self._database.write(change)


def from_row(row: RowMapping) -> ApiKey:
    """The key that a row holds."""
    allowance = Allowance(row["rpm"], row["max_in_flight"], row["credits_per_day"])
    return ApiKey(row["id"], row["name"], allowance, row["created_at"])
