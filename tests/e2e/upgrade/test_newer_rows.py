"""An older version beside a newer one: what that wrote is read, and left to it where it must be."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import NoReturn

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from reelgate.db.admission import Admission, AdmissionOptions, AdmissionResult
from reelgate.db.changes import Changes
from reelgate.db.database import Database, open_database
from reelgate.db.migrate import migrate
from reelgate.db.postgres.database import PostgresDatabase
from reelgate.db.videos import Videos
from reelgate.domain.catalog import Model
from reelgate.domain.fields import Field, FieldType
from reelgate.domain.video import Caller, State, Timeline, VideoRequest
from reelgate.errors import StorageFailed
from reelgate.jobs.engine import ReleaseJob
from reelgate.jobs.runner import JobRunner
from reelgate.limits.account import AccountLimits
from reelgate.limits.postgres import PostgresAccount
from tests.db.factories import NOW, REQUEST, a_full_video, a_video
from tests.e2e.processes.job_context import context_on

NEW_KEYS = {"of_tomorrow": 1, "nested": {"of": ["tomorrow"]}}
WITH_OPTION = replace(REQUEST, options={**REQUEST.options, "of_tomorrow": False})
MODEL = Model(
    id=REQUEST.model,
    provider="imagine",
    owned_by="",
    created=0,
    fields=tuple(Field(name=name, type=FieldType.INTEGER) for name in REQUEST.options),
)


class OlderProvider:
    """An upstream that knows one model, and must not be sent anything."""

    models = (MODEL,)

    async def submit(self, _request: VideoRequest, **_more: object) -> NoReturn:
        pytest.fail("sent")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = open_database(database_url)
    await migrate(opened)
    yield opened
    await opened.close()


async def run(database: Database, *statements: str) -> None:
    def change(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement))

    await database.write(change)


async def test_those_who_wait_for_an_account_are_read(postgres_url: str) -> None:
    database = PostgresDatabase(make_url(postgres_url))
    account = PostgresAccount(database, "imagine", AccountLimits(in_flight=5))
    await account.admit(lambda _: True)
    waiting = json.dumps([[7, NOW, NOW, "of tomorrow"]])
    await run(database, f"UPDATE accounts SET waiting = '{waiting}'")
    assert await account.admit(lambda _: True)
    await database.close()


@pytest.mark.parametrize("column", ["forecast", "failure", "file"])
async def test_what_a_newer_version_wrote_beside_is_passed_over(
    database: Database, column: str
) -> None:
    video = a_full_video()
    await Admission(database).admit(video, AdmissionOptions(now=NOW))

    def add(connection: Connection) -> None:
        row = connection.execute(text(f"SELECT {column} FROM videos")).scalar_one()
        values = {"value": json.dumps(json.loads(row) | NEW_KEYS)}
        connection.execute(text(f"UPDATE videos SET {column} = :value"), values)

    await database.write(add)
    assert await Videos(database, Changes()).find(video.id) == video


async def test_a_request_keeps_what_a_newer_version_added_to_it(database: Database) -> None:
    video = a_video(request=replace(REQUEST, options={**REQUEST.options, **NEW_KEYS}))
    await Admission(database).admit(video, AdmissionOptions(now=NOW))
    found = await Videos(database, Changes()).find(video.id)
    assert found == video
    assert found.request.fingerprint() == video.request.fingerprint()


@pytest.mark.parametrize("caller", [Caller.GONE, Caller.NONE])
async def test_a_new_field_tells_requests_apart_and_no_field_changes_nothing(
    database: Database, caller: Caller
) -> None:
    admission = Admission(database)
    terms = AdmissionOptions(now=NOW, adopt_since=NOW - 60, retry=1)
    plain, special = (a_video(request=request, caller=caller) for request in (REQUEST, WITH_OPTION))
    for made in (plain, special):
        assert await admission.admit(made, AdmissionOptions(now=NOW)) == (made, AdmissionResult.NEW)
    for made in (plain, special):
        found, origin = await admission.admit(a_video(request=made.request), terms)
        assert (found.id, origin) == (made.id, AdmissionResult.RETRIED)


@pytest.mark.parametrize(
    "wanted", [WITH_OPTION, replace(REQUEST, model="of-tomorrow")], ids=["option", "model"]
)
async def test_a_job_that_this_version_cannot_ask_for_is_left_to_one_that_can(
    database: Database, wanted: VideoRequest
) -> None:
    """It would pay for a video that is not what was asked for."""
    changes = Changes()
    context = context_on(database, OlderProvider(), changes)
    video = a_video(request=wanted, timeline=Timeline(created_at=time.time()))
    await Admission(database).admit(video, AdmissionOptions(now=NOW))
    with pytest.raises(ReleaseJob) as left:
        await JobRunner(context, changes).run(video.id)
    assert left.value.delay_s > 0
    found = await context.videos.find(video.id)
    assert found is not None
    assert found.state is State.QUEUED


async def test_a_job_that_no_version_has_asked_for_in_time_ends_unsent(database: Database) -> None:
    changes = Changes()
    context = context_on(database, OlderProvider(), changes)
    asked_at = context.clock.now() - context.limits.job_timeout_s
    video = a_video(request=WITH_OPTION, timeline=Timeline(created_at=asked_at))
    await Admission(database).admit(video, AdmissionOptions(now=NOW))
    await JobRunner(context, changes).run(video.id)
    ended = await context.videos.find(video.id)
    assert ended is not None
    assert ended.failure is not None
    assert (ended.state, ended.failure.code) == (State.FAILED, "model_not_found")
    assert "of_tomorrow" in ended.failure.message


async def test_this_version_starts_and_works_on_tables_that_a_newer_one_added_to(
    database: Database,
) -> None:
    """Another process has upgraded the database meanwhile, as in a rolling deploy."""
    admission, videos = Admission(database), Videos(database, Changes())
    before, _ = await admission.admit(a_video(), AdmissionOptions(now=NOW))
    assert await videos.find(before.id) == before
    await run(
        database,
        "ALTER TABLE videos ADD COLUMN of_tomorrow TEXT",
        "ALTER TABLE videos ADD COLUMN counted INTEGER NOT NULL DEFAULT 7",
        "UPDATE alembic_version SET version_num = '0099'",
    )
    await migrate(database)
    after, _ = await admission.admit(a_video(), AdmissionOptions(now=NOW))
    moved = await videos.move(before, State.SUBMITTING, attempts=1)
    assert [await videos.find(video.id) for video in (before, after)] == [moved, after]


async def test_tables_that_a_newer_version_changed_are_refused_with_a_sentence(
    database: Database,
) -> None:
    await run(database, "UPDATE alembic_version SET version_num = '0100'")
    with pytest.raises(StorageFailed, match=r"made by a newer Reelgate.*0100.*install that"):
        await migrate(database)
