"""A database that cannot be used says so; one that can uses its indexes."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Select, insert, text

from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import Database, open_database
from reelgate.db.durations import Durations
from reelgate.db.indexes import metadata
from reelgate.db.migrate import SCRIPTS, migrate
from reelgate.db.rows import to_row
from reelgate.db.sqlite import SqliteDatabase, only_process_in
from reelgate.db.videos import COUNT_OPEN, UNFINISHED, LostRace, Videos
from reelgate.domain.price import Money, Unit
from reelgate.domain.video import State
from reelgate.errors import StorageFailed
from reelgate.polling.observations import Observation
from reelgate.polling.waiting import SAMPLE_SIZE, Record
from reelgate.runtime.gateway import open_gateway
from reelgate.settings import Settings

from .factories import NOW, a_full_video


async def test_the_migrations_make_the_tables_that_the_schema_draws(database: Database) -> None:
    def difference(connection: Connection) -> list[object]:
        def is_there(_part: object, name: str | None, *_: object) -> bool:
            return name != "videos_under_way" or connection.dialect.name == "postgresql"

        context = MigrationContext.configure(
            connection, opts={"include_name": is_ours, "include_object": is_there}
        )
        return list(compare_metadata(context, metadata))

    assert await database.read(difference) == []


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """PgQueuer's tables in the same database are its own business."""
    return kind != "table" or not str(name).startswith("pgqueuer")


async def test_migrating_again_changes_nothing(database: Database) -> None:
    await asyncio.gather(*(migrate(database) for _ in range(5)))


ADDED_SINCE = (
    "decodings",
    "marker",
    "recheck_at",
    "corrects",
    "unit",
    "estimate",
    "warnings",
    "traceparent",
    "route",
    "pushed_at",
    "polls",
)


async def test_a_database_of_the_first_release_is_upgraded_and_keeps_its_videos(
    database_url: str,
) -> None:
    database = open_database(database_url)
    video = a_full_video()
    old = to_row(video)
    for column in ADDED_SINCE:
        del old[column]

    def first_release(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(insert(metadata.tables["videos"]).values(old))

    await database.exclusive(first_release)
    await migrate(database)
    found = await Videos(database, Changes()).find(video.id)
    assert found == replace(
        video,
        decodings=0,
        marker=None,
        recheck_at=None,
        corrects=None,
        warnings=(),
        cost=Money(10, Unit.CREDITS),
        estimate=None,
        traceparent=None,
        route=None,
        pushed_at=None,
        polls=None,
    )
    await database.close()


@pytest.mark.parametrize("state", [State.FETCHING, State.RENDERING])
async def test_decodings_are_noted_of_a_video_that_is_being_fetched_by_its_carrier_alone(
    videos: Videos, admission: Admission, state: State
) -> None:
    video, _ = await admission.admit(
        replace(a_full_video(), state=state), AdmissionOptions(now=NOW)
    )
    if state is State.RENDERING:
        with pytest.raises(LostRace):
            await videos.note_decodings(video, 1)
        return
    await videos.note_decodings(video, 2)
    assert await videos.find(video.id) == replace(video, decodings=2)
    with pytest.raises(LostRace):
        await videos.note_decodings(replace(video, epoch=video.epoch + 1), 3)


async def test_of_each_kind_the_200_durations_with_the_highest_tickets_are_read_and_kept(
    database: Database,
) -> None:
    durations = Durations(database)
    records = [Record(Observation(n, n + 1), 0.0, ticket=n) for n in range(SAMPLE_SIZE + 30)]
    await asyncio.gather(*(durations.add({"a": record}) for record in records))
    await durations.add({"b": records[0]})
    assert await durations.recent("a") == records[:29:-1]
    assert await durations.recent("b") == [records[0]]
    assert await durations.recent("c") == []
    await durations.forget()
    assert await durations.recent("a") == records[:29:-1]
    kept = await database.read(lambda c: c.scalar(text("SELECT count(*) FROM durations")))
    assert kept == SAMPLE_SIZE + 1


@pytest.mark.parametrize("query", [COUNT_OPEN, UNFINISHED], ids=["count_open", "unfinished"])
async def test_what_is_open_is_found_by_the_index_of_what_is_open(
    tmp_path: Path, query: Select[tuple[object]]
) -> None:
    """A million finished videos must not slow down a restart or a health check."""
    database = SqliteDatabase(tmp_path / "plan.sqlite")
    await migrate(database)

    def plan(connection: Connection) -> str:
        values = {"the_providers": ["imagine"]} if query is UNFINISHED else {}
        bound = query.params(values).compile(connection, compile_kwargs={"literal_binds": True})
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {bound}").all())

    told = await database.read(plan)
    await database.close()
    assert "INDEX videos_open" in told


def test_a_second_process_is_refused_in_the_same_folder(tmp_path: Path) -> None:
    with only_process_in(tmp_path):
        with (
            pytest.raises(StorageFailed, match="REELGATE_DATA_DIR") as refusal,
            only_process_in(tmp_path),
        ):
            pytest.fail("both are in")
        assert str(tmp_path) in str(refusal.value)
    with only_process_in(tmp_path):
        pass


@pytest.mark.parametrize(
    "content",
    [b"this is no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 8000],
    ids=["no database", "broken pages"],
)
async def test_a_corrupt_database_is_told_as_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reelgate.sqlite"
    path.write_bytes(content)
    settings = Settings.model_validate({"_env_file": None, "data_dir": tmp_path, "port": 0})
    with pytest.raises(StorageFailed, match="database"):
        async with open_gateway(settings):
            pytest.fail("it opened")
    assert path.read_bytes() == content, "what could perhaps be saved was overwritten"


async def test_a_database_of_a_kind_we_do_not_know_is_refused() -> None:
    with pytest.raises(StorageFailed, match="sqlite:///path or postgresql://"):
        open_database("mysql://localhost/x")


async def test_a_table_that_is_missing_is_a_storage_failure(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/empty.sqlite")
    with pytest.raises(StorageFailed):
        await database.write(lambda connection: connection.execute(text("DELETE FROM videos")))
    await database.close()


async def test_a_change_survives_the_loss_of_power(tmp_path: Path) -> None:
    """Every connection syncs fully: the intent to submit may not be forgotten."""
    database = SqliteDatabase(tmp_path / "pragmas.sqlite")

    def pragmas(connection: Connection) -> list[object]:
        return [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    fully = 2
    assert await database.write(pragmas) == ["wal", fully, 1]
    await database.close()


async def test_a_reader_sees_the_last_commit_while_a_writer_is_at_work(tmp_path: Path) -> None:
    path = tmp_path / "both.sqlite"
    database = SqliteDatabase(path)
    await migrate(database)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM videos")
        assert await database.read(lambda connection: connection.scalar(COUNT_OPEN)) == 0
        writer.execute("ROLLBACK")
    await database.close()


def test_a_gateway_with_a_file_does_not_load_what_postgres_and_agents_need() -> None:
    code = (
        "import sys, reelgate.runtime.server; "
        "unused = ('asyncpg', 'pgqueuer', 'sqlalchemy.dialects.postgresql', 'mcp'); "
        "sys.exit(any(name.startswith(unused) for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
