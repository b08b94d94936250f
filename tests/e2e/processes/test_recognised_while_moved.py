"""A request whose job its worker moves at this very moment, in another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import asyncpg
import pytest

from reelgate.db.admission import Admission, AdmissionOptions, AdmissionResult
from reelgate.db.database import Database, open_database
from reelgate.domain.video import Caller, Video, new_video_id
from tests.db.factories import NOW, a_video
from tests.gateway import until

BEGIN_A_MOVE = "UPDATE videos SET attempts = attempts + 1"
FAIL_AT_NO_COST = (
    """UPDATE videos SET state = 'failed', failure = '{"code": "rate_limited", "message": ""}'"""
)
WAITS_FOR_A_LOCK = "SELECT 1 FROM pg_locks WHERE NOT granted"
RETRIED = AdmissionOptions(now=NOW, retry=1)
BLOCKING = AdmissionOptions(now=NOW, adopt_since=NOW - 1)


@pytest.fixture
async def worker(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database as a worker sees it that moves videos."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
async def onlooker(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database as somebody sees it who only looks on."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = open_database(postgres_url)
    yield opened
    await opened.close()


@dataclass
class AdmissionCase:
    """Admits while a worker's transaction is open."""

    admission: Admission
    worker: asyncpg.Connection
    onlooker: asyncpg.Connection

    async def ask_during(
        self, statement: str, again: Video, options: AdmissionOptions
    ) -> tuple[Video, AdmissionResult]:
        """Admit a video that has to wait for what the statement has changed."""

        async def waits() -> bool:
            return bool(await self.onlooker.fetchval(WAITS_FOR_A_LOCK))

        async with self.worker.transaction():
            await self.worker.execute(statement)
            asking = asyncio.create_task(self.admission.admit(again, options))
            await until(waits)
        return await asking


@pytest.fixture
def case(
    database: Database, worker: asyncpg.Connection, onlooker: asyncpg.Connection
) -> AdmissionCase:
    return AdmissionCase(Admission(database), worker, onlooker)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(RETRIED, AdmissionResult.RETRIED, id="an SDK's retry"),
        pytest.param(BLOCKING, AdmissionResult.ADOPTED, id="a blocking caller that comes back"),
    ],
)
async def test_a_job_that_is_being_moved_is_recognised_and_not_paid_for_again(
    case: AdmissionCase, options: AdmissionOptions, expected: AdmissionResult
) -> None:
    first, _ = await case.admission.admit(a_video(caller=Caller.GONE), AdmissionOptions(now=NOW))
    again = replace(first, id=new_video_id(), caller=Caller.WAITING)
    admitted, result = await case.ask_during(BEGIN_A_MOVE, again, options)
    assert (admitted.id, result) == (first.id, expected)


async def test_a_job_that_fails_at_no_cost_just_then_is_made_anew(case: AdmissionCase) -> None:
    first, _ = await case.admission.admit(a_video(caller=Caller.GONE), AdmissionOptions(now=NOW))
    again = replace(first, id=new_video_id(), caller=Caller.WAITING)
    admitted, result = await case.ask_during(FAIL_AT_NO_COST, again, BLOCKING)
    assert (admitted.id, result) == (again.id, AdmissionResult.NEW)


@pytest.mark.parametrize("options", [RETRIED, BLOCKING], ids=["retries", "blocking callers"])
async def test_two_processes_that_ask_at_once_find_a_job_each(
    database: Database,
    postgres_url: str,
    worker: asyncpg.Connection,
    onlooker: asyncpg.Connection,
    options: AdmissionOptions,
) -> None:
    """Each finds the same job first, and one of them must go on to the other."""
    another = open_database(postgres_url)
    jobs = [a_video("a cat for two", caller=Caller.GONE) for _ in range(2)]
    for job in jobs:
        await Admission(database).admit(job, AdmissionOptions(now=NOW))

    async def both_wait() -> bool:
        return len(await onlooker.fetch(WAITS_FOR_A_LOCK)) >= 2

    async with worker.transaction():
        await worker.execute(BEGIN_A_MOVE)
        asking = [
            asyncio.create_task(
                Admission(each).admit(
                    replace(jobs[0], id=new_video_id(), caller=Caller.WAITING), options
                )
            )
            for each in (database, another)
        ]
        await until(both_wait)
    found = await asyncio.gather(*asking)
    assert {video.id for video, _ in found} == {job.id for job in jobs}
    await another.close()
