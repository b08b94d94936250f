"""Which references are kept in our storage for a submit, and since when."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from reelgate.db.database import Database
from reelgate.db.rows import to_request
from reelgate.db.schema import OPEN, kept_references, videos

ADD = insert(kept_references)
RETIRED = -1.0
"""Since when a file is kept that is being removed: nobody may use it any more."""
RENEW = (
    update(kept_references)
    .where(
        kept_references.c.key.in_(bindparam("the_keys", expanding=True)),
        kept_references.c.kept_at != RETIRED,
    )
    .values(kept_at=bindparam("now"))
)
RETIRE = (
    update(kept_references)
    .where(kept_references.c.key == bindparam("the_key"))
    .where(kept_references.c.kept_at < bindparam("before"))
    .values(kept_at=RETIRED)
)
DUE = select(kept_references.c.key).where(kept_references.c.kept_at < bindparam("before"))
OPEN_REQUESTS = select(videos.c.request).where(OPEN, videos.c.request.contains(bindparam("text")))
FORGET = delete(kept_references).where(kept_references.c.key == bindparam("the_key"))


class KeptReferences:
    """Named queries on them; `scheme` begins the address of each in a request."""

    def __init__(self, database: Database, scheme: str) -> None:
        self._database = database
        self._scheme = scheme

    async def add(self, key: str, now: float) -> None:
        """Note a file that is about to be stored."""

        def change(connection: Connection) -> None:
            connection.execute(ADD, {"key": key, "kept_at": now})

        await self._database.write(change)

    async def renew(self, keys: Collection[str], now: float) -> bool:
        """Keep these for longer; whether all of them are still kept."""

        def change(connection: Connection) -> bool:
            values = {"the_keys": list(keys), "now": now}
            return connection.execute(RENEW, values).rowcount == len(keys)

        return await self._database.write(change)

    async def unused(self, before: float) -> Iterable[str]:
        """Those that are kept since before this moment and that no unfinished video needs."""

        def read(connection: Connection) -> set[str]:
            due = set(connection.scalars(DUE, {"before": before}))
            if due:
                for request in connection.scalars(OPEN_REQUESTS, {"text": self._scheme}):
                    references = to_request(json.loads(request)).references
                    due -= {each.url.removeprefix(self._scheme) for each in references}
            return due

        return await self._database.read(read)

    async def retire(self, key: str, before: float) -> bool:
        """Let nobody use a file any more that is kept since before this moment; whether it is."""

        def change(connection: Connection) -> bool:
            return bool(connection.execute(RETIRE, {"the_key": key, "before": before}).rowcount)

        return await self._database.write(change)

    async def forget(self, key: str) -> None:
        """Forget a file that is gone."""

        def change(connection: Connection) -> None:
            connection.execute(FORGET, {"the_key": key})

        await self._database.write(change)
