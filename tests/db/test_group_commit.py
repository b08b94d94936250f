"""Many writes, one transaction; each of them stands and falls by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text

from reelgate.db.database import Database

MAKE = text("CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT UNIQUE)")
NOTE = text("INSERT INTO notes (id, word) VALUES (:id, :word)")
WORDS = text("SELECT word FROM notes ORDER BY id")


class Refused(Exception):
    """A unit of work that does not want to."""


def noting(number: int, word: str | None = None) -> Callable[[Connection], int]:
    def note(connection: Connection) -> int:
        connection.execute(NOTE, {"id": number, "word": word or str(number)})
        return number

    return note


def refusing(connection: Connection) -> int:
    noting(-1)(connection)
    raise Refused


async def words(database: Database) -> list[str]:
    return await database.read(lambda connection: list(connection.scalars(WORDS)))


@pytest.fixture
async def notes(database: Database) -> Database:
    def make(connection: Connection) -> None:
        connection.execute(MAKE)

    await database.exclusive(make)
    return database


async def test_every_writer_gets_its_own_result(notes: Database) -> None:
    results = await asyncio.gather(*(notes.write(noting(number)) for number in range(1000)))
    assert results == list(range(1000))
    assert await words(notes) == [str(number) for number in range(1000)]


async def test_writes_that_come_together_share_transactions(notes: Database) -> None:
    """The first goes at once; those that come while it is under way go together."""
    transactions = set()

    def note(connection: Connection) -> None:
        transactions.add(connection.get_transaction())

    await asyncio.gather(*(notes.write(note) for _ in range(200)))
    assert len(transactions) <= 3


async def test_a_unit_that_fails_fails_alone(notes: Database) -> None:
    writes = [notes.write(noting(number)) for number in range(10)]
    writes.insert(5, notes.write(refusing))
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert isinstance(results.pop(5), Refused)
    assert results == list(range(10))
    assert await words(notes) == [str(number) for number in range(10)]


async def test_units_are_done_in_the_order_in_which_they_came(notes: Database) -> None:
    done: list[int] = []

    def note(number: int) -> Callable[[Connection], None]:
        def append(_connection: Connection) -> None:
            done.append(number)

        return append

    await asyncio.gather(*(notes.write(note(number)) for number in range(600)))
    assert done == list(range(600))


async def test_who_stops_waiting_does_not_undo_the_work(notes: Database) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin(connection: Connection) -> None:
        noting(1)(connection)
        loop.call_soon_threadsafe(begun.set)

    writing = asyncio.create_task(notes.write(begin))
    waiting = asyncio.create_task(notes.write(noting(2)))
    await begun.wait()
    writing.cancel()
    waiting.cancel()
    await asyncio.gather(writing, waiting, return_exceptions=True)
    assert await notes.write(noting(3)) == 3
    assert await words(notes) == ["1", "2", "3"]


async def test_closing_commits_what_waits(notes: Database) -> None:
    writing = [asyncio.create_task(notes.write(noting(number))) for number in range(50)]
    await asyncio.sleep(0)
    await notes.close()
    assert await asyncio.gather(*writing) == list(range(50))


async def test_an_exclusive_change_that_fails_leaves_nothing(notes: Database) -> None:
    with pytest.raises(Refused):
        await notes.exclusive(refusing)
    assert await words(notes) == []
