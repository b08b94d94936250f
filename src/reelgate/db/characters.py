"""The characters that upstream accounts keep for callers."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, bindparam, insert, select

from reelgate.db.database import Database
from reelgate.db.schema import characters
from reelgate.domain.character import Character

ADD = insert(characters)
FIND = select(characters).where(
    characters.c.id == bindparam("the_id"), characters.c.owner == bindparam("the_owner")
)


class Characters:
    """Named queries on them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, character: Character) -> None:
        """Keep a new one."""

        def change(connection: Connection) -> None:
            connection.execute(ADD, asdict(character))

        await self._database.write(change)

    async def find(self, character_id: str, owner: str) -> Character | None:
        """One of an owner's; None where there is none."""

        def read(connection: Connection) -> Character | None:
            values = {"the_id": character_id, "the_owner": owner}
            row = connection.execute(FIND, values).mappings().first()
            return None if row is None else Character(**row)

        return await self._database.read(read)
