"""Durable jobs a second with and without group commit: `python bench/group_commit.py`.

A job is what the gateway writes when it takes one: the row behind a request, through `admit`. Every
way commits with `synchronous=FULL`, so that an answered job survives the loss of power.

aiosqlite is measured where it is installed; it is no dependency of the project.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from reelgate.db.admission import Admission, AdmissionOptions, AdmissionResult, admit
from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.domain.video import Timeline, Video, VideoRequest, new_video_id

AT_ONCE = 256
"""Callers that wait for their commit at the same time."""

Take = Callable[[Video], Awaitable[object]]


def a_video(number: int) -> Video:
    """A new job, unlike every other."""
    request = VideoRequest(
        model="imagine-text-to-video",
        prompt=f"a cat, number {number}",
        aspect_ratio="16:9",
        duration=5,
        resolution="720p",
        options={"style_id": 60503, "is_enhance": True},
    )
    return Video(
        id=new_video_id(),
        owner="",
        request=request,
        provider="bench",
        timeline=Timeline(created_at=time.time()),
    )


async def per_second(take: Take, count: int) -> float:
    """How many jobs a second are durable, with `AT_ONCE` callers that wait."""
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await take(a_video(number))

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - began)


async def ours(path: Path, count: int, *, grouped: bool) -> float:
    """The gateway's own store, with its group commit or with a transaction for each job."""
    database = open_database(f"sqlite:///{path}")
    try:
        await migrate(database)
        admission = Admission(database)

        async def take(video: Video) -> object:
            terms = AdmissionOptions(now=time.time())
            if grouped:
                return await admission.admit(video, terms)
            return await database.exclusive(lambda connection: admit(connection, video, terms))

        return await per_second(take, count)
    finally:
        await database.close()


async def with_aiosqlite(path: Path, count: int) -> float:
    """SQLAlchemy's asynchronous engine, one transaction for each job."""
    await ours(path, 0, grouped=True)
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}", pool_size=1, max_overflow=0, pool_timeout=600
    )
    prepare(engine)

    async def take(video: Video) -> object:
        def change(connection: Connection) -> tuple[Video, AdmissionResult]:
            return admit(connection, video, AdmissionOptions(now=time.time()))

        async with engine.begin() as connection:
            return await connection.run_sync(change)

    try:
        return await per_second(take, count)
    finally:
        await engine.dispose()


def prepare(engine: AsyncEngine) -> None:
    """The same promises as the gateway's own connections."""

    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(
        engine.sync_engine,
        "begin",
        lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="Where the databases go: the disk to measure.")
    asked = parser.parse_args()
    ways: dict[str, Callable[[Path], Awaitable[float]]] = {
        "threads, group commit (ours)": lambda path: ours(path, asked.jobs, grouped=True),
        "threads, one commit a job": lambda path: ours(path, asked.jobs, grouped=False),
    }
    if importlib.util.find_spec("aiosqlite"):
        ways["aiosqlite, one commit a job"] = lambda path: with_aiosqlite(path, asked.jobs)
    version = f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
    print(f"{asked.jobs} jobs, {AT_ONCE} callers at once, {version}")
    for name, way in ways.items():
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            rate = asyncio.run(run(way, Path(folder) / "jobs.sqlite"))
        print(f"{name:32} {rate:8.0f} jobs/s")


async def run(way: Callable[[Path], Awaitable[float]], path: Path) -> float:
    return await way(path)


if __name__ == "__main__":
    main()
