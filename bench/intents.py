"""What it costs to keep an account's limits in Postgres: `python bench/intents.py`.

Videos go from `queued` over the intent to submit to `rendering`, once with the intent as any other
write and once through the account, in turns in one run. Beside them none or many render already.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, event, text

sys.path.insert(0, str(Path(__file__).resolve().parent))

from accept import postgres
from figures import table
from group_commit import a_video

from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.postgres.database import PostgresDatabase
from reelgate.db.videos import Videos, Write
from reelgate.domain.video import State, Video
from reelgate.limits.account import AccountLimits
from reelgate.limits.postgres import COUNT, PostgresAccount
from reelgate.runtime.deployment import prepare

JOBS = 320
SUBMITS = 32
LIMITS = AccountLimits(in_flight=100_000, submits=SUBMITS)
ALL_RENDER = text("UPDATE videos SET state = 'rendering'")
COLUMNS = ("videos that render", "at once", "the intent", "statements", "CPU ms", "ms")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one video: statements, the gateway's CPU and the time that passes, milliseconds."""

    statements: float
    cpu_ms: float
    wall_ms: float


class Bench:
    """A database with an account, and a count of what it is asked."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._videos = Videos(database, Changes())
        self._admission = Admission(database)
        self._account = PostgresAccount(database, "bench", LIMITS)
        self._statements = 0
        event.listen(Engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self._statements += 1

    @property
    def ways(self) -> dict[str, Write | None]:
        """The ways to make an intent durable."""
        return {"as any write": None, "through the account": self._account.admit}

    async def queue(self, count: int) -> list[Video]:
        terms = AdmissionOptions(now=time.time())
        admit = (self._admission.admit(a_video(number), terms) for number in range(count))
        return [video for video, _ in await asyncio.gather(*admit)]

    async def let_render(self, count: int) -> None:
        """Have so many videos rendering."""
        await self.queue(count)
        await self._database.write(lambda connection: connection.execute(ALL_RENDER).rowcount)

    async def cost(self, at_once: int, write: Write | None) -> Cost:
        """Bring videos under way, so many at the same time."""
        queued = await self.queue(JOBS)
        self._statements = 0
        began_s, cpu_s = time.perf_counter(), time.process_time()
        for start in range(0, JOBS, at_once):
            await asyncio.gather(*map(partial(self._begin, write), queued[start:][:at_once]))
        cpu_ms = 1e3 * (time.process_time() - cpu_s) / JOBS
        return Cost(self._statements / JOBS, cpu_ms, 1e3 * (time.perf_counter() - began_s) / JOBS)

    async def _begin(self, write: Write | None, video: Video) -> None:
        begun = await self._videos.move(video, State.SUBMITTING, write, attempts=1)
        await self._videos.move(begun, State.RENDERING, provider_id="one")

    async def count_ms(self) -> float:
        """How long the count takes that is made when the account may be full."""
        began_s = time.perf_counter()
        await self._database.read(lambda c: c.execute(COUNT, {"the_name": "bench"}).all())
        return 1e3 * (time.perf_counter() - began_s)


async def measure(url: str) -> None:
    database = open_database(url)
    assert isinstance(database, PostgresDatabase)
    await prepare(database)
    bench = Bench(database)
    rows = []
    for rendering in (0, 10_000):
        await bench.let_render(rendering)
        for at_once in (1, SUBMITS):
            for way, write in [*bench.ways.items()] * 2:
                cost = await bench.cost(at_once, write)
                figures = (f"{cost.statements:.2f}", f"{cost.cpu_ms:.2f}", f"{cost.wall_ms:.2f}")
                rows.append([rendering, at_once, way, *figures])
        print(f"counting {rendering} and what was added: {await bench.count_ms():.1f} ms")
    await database.close()
    print(table(COLUMNS, rows))


if __name__ == "__main__":
    with postgres() as server:
        asyncio.run(measure(server))
