"""How many connections the database's pools need: `python bench/pools.py [--seconds 3]`.

Many callers at once take jobs, look videos up and list them, on SQLite with some reading threads
and on a Postgres of its own with some pooled connections. Told in whole rounds a second: one job
taken, four videos looked up and one page listed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from accept import postgres
from figures import table
from group_commit import a_video
from sqlalchemy.engine import make_url

from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import Database
from reelgate.db.migrate import migrate
from reelgate.db.postgres.database import PostgresDatabase
from reelgate.db.sqlite import SqliteDatabase
from reelgate.db.video_page import Page
from reelgate.db.videos import Videos

CALLERS = 32
LOOK_UPS = 4
READERS = (1, 2, 4)
POOLS = (2, 4, 6, 12)


async def rounds_per_s(database: Database, seconds: float) -> float:
    """Let the callers work for so long."""
    await migrate(database)
    admission, videos = Admission(database), Videos(database, Changes())
    numbers = count()
    began = time.perf_counter()
    done = 0

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            video = a_video(next(numbers))
            await admission.admit(video, AdmissionOptions(now=time.time()))
            for _ in range(LOOK_UPS):
                await videos.find(video.id)
            await videos.page(Page("", 20, "desc"))
            done += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    await database.close()
    return done / (time.perf_counter() - began)


def measure(seconds: float) -> list[tuple[str, str, str]]:
    """Each kind of database with each size of its pool."""
    rows = []
    for readers in READERS:
        with TemporaryDirectory(prefix="reelgate-bench-") as folder:
            file = SqliteDatabase(Path(folder, "pools.sqlite"), readers=readers)
            rate = asyncio.run(rounds_per_s(file, seconds))
            rows.append(("SQLite, reading threads", str(readers), f"{rate:.0f}"))
    for size in POOLS:
        with postgres() as url:
            server = PostgresDatabase(make_url(url), pool_size=size)
            rate = asyncio.run(rounds_per_s(server, seconds))
            rows.append(("Postgres, connections", str(size), f"{rate:.0f}"))
    return rows


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args(arguments)
    print(table(("pool", "size", "rounds/s"), measure(options.seconds)))


if __name__ == "__main__":
    main(sys.argv[1:])
