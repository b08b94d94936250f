"""The database that many processes share: made once, followed by all, and sometimes away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from reelgate.clock import SystemClock
from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.postgres.clock import ServerClock
from reelgate.db.postgres.database import PostgresDatabase
from reelgate.db.postgres.listener import Feed, ListenConnection
from reelgate.db.videos import Videos
from reelgate.domain.video import State, Timeline, Video, VideoRequest, new_video_id
from reelgate.errors import StorageFailed
from reelgate.runtime.deployment import migrate_database
from reelgate.runtime.server import running
from reelgate.settings import Settings
from tests.databases import databases
from tests.gateway import a_gateway, a_prompt, settings_values, soon
from tests.postgres import PostgresServer, execute

from .fleet import Fleet, order
from .losing_commits import losing_commits

TOLD_WITHIN_S = 2.5
"""Ten times what is promised."""
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
TERMINATE = f"SELECT pg_terminate_backend(pid) {OTHERS}"


def a_video(**fields: object) -> Video:
    request = VideoRequest(
        model="imagine-text-to-video",
        prompt=a_prompt(),
        aspect_ratio="16:9",
        duration=5,
        resolution="720p",
        options={"style_id": 60503, "is_enhance": True},
    )
    given = {
        "id": new_video_id(),
        "owner": "",
        "request": request,
        "provider": "anybody",
        "timeline": Timeline(created_at=time.time()),
    }
    return Video(**(given | fields))  # type: ignore[arg-type]


@asynccontextmanager
async def a_member(url: str) -> AsyncIterator[tuple[PostgresDatabase, Videos, Changes]]:
    """One process's part in a shared database."""
    async with AsyncExitStack() as stack:
        database = open_database(url)
        assert isinstance(database, PostgresDatabase)
        stack.push_async_callback(database.close)
        changes = Changes()
        line = ListenConnection(database.server)
        feed = Feed(database, database.server, changes, line)
        await line.open()
        stack.push_async_callback(line.close)
        stack.push_async_callback(feed.close)
        yield database, Videos(database, changes), changes


async def test_ten_processes_that_start_at_once_make_the_tables_once(
    empty_postgres_url: str,
) -> None:
    settings = Settings.model_validate({"database_url": empty_postgres_url})
    await asyncio.gather(*(migrate_database(settings) for _ in range(10)))
    await migrate_database(settings)
    async with a_member(empty_postgres_url) as (_, videos, _):
        assert await videos.count_open() == 0


async def test_gateways_that_start_at_once_on_an_empty_database_all_work(
    fleet: Fleet, postgres_server: PostgresServer
) -> None:
    with postgres_server.database(migrated=False) as url:
        await asyncio.gather(*(fleet.start(database_url=url) for _ in range(3)))
        replies = await asyncio.gather(
            *(gateway.generate(a_prompt()) for gateway in fleet.gateways for _ in range(4))
        )
        assert {reply.body["status"] for reply in replies} == {"COMPLETED"}
        await fleet.close()


async def test_a_change_is_told_to_whoever_follows_the_video_in_another_process(
    postgres_url: str,
) -> None:
    async with (
        a_member(postgres_url) as (database, ours, _),
        a_member(postgres_url) as (_, _, theirs),
    ):
        video, _ = await Admission(database).admit(a_video(), AdmissionOptions(now=time.time()))
        with theirs.subscribe(video.id) as subscription:
            video = await ours.move(video, State.SUBMITTING)
            assert await subscription.next_within(TOLD_WITHIN_S) == video
            video = await ours.move(video, State.RENDERING, provider_id="one")
            assert await subscription.next_within(TOLD_WITHIN_S) == video


async def test_what_changed_while_the_line_was_down_is_told_afterwards(postgres_url: str) -> None:
    async with (
        a_member(postgres_url) as (database, ours, _),
        a_member(postgres_url) as (_, _, theirs),
    ):
        video, _ = await Admission(database).admit(a_video(), AdmissionOptions(now=time.time()))
        with theirs.subscribe(video.id) as subscription:
            await execute(postgres_url, TERMINATE)
            video = await ours.move(video, State.SUBMITTING)
            async with asyncio.timeout(10 * TOLD_WITHIN_S):
                while await subscription.next() != video:
                    continue


async def test_a_change_of_ones_own_is_not_told_twice(postgres_url: str) -> None:
    async with a_member(postgres_url) as (database, videos, changes):
        video, _ = await Admission(database).admit(a_video(), AdmissionOptions(now=time.time()))
        other, _ = await Admission(database).admit(a_video(), AdmissionOptions(now=time.time()))
        with changes.subscribe(video.id) as subscription:
            await videos.move(video, State.SUBMITTING)
            assert await subscription.next() is not None
            # Once another process's later change has arrived, an echo would have arrived before.
            async with a_member(postgres_url) as (_, theirs, _):
                with changes.subscribe(other.id) as later:
                    await theirs.move(other, State.SUBMITTING)
                    assert await later.next_within(TOLD_WITHIN_S) is not None
            assert await subscription.next_within(0) is None


async def test_a_commit_whose_answer_was_lost_is_looked_up_and_not_made_again(
    postgres_url: str,
) -> None:
    async with losing_commits(postgres_url) as relay, a_member(relay.url) as (database, videos, _):
        admission = Admission(database)
        await admission.admit(a_video(), AdmissionOptions(now=time.time()))
        relay.lose_next_commit(after_server=True)
        kept, _ = await admission.admit(a_video(), AdmissionOptions(now=time.time()))
        relay.lose_next_commit(after_server=False)
        made_again, _ = await admission.admit(a_video(), AdmissionOptions(now=time.time()))
        moved = await videos.move(kept, State.SUBMITTING)
        relay.lose_next_commit(after_server=True)
        moved = await videos.move(moved, State.RENDERING, provider_id="paid")
        assert relay.lost == 3
        assert await videos.find(moved.id) == moved
        assert await videos.find(made_again.id) == made_again
        assert await videos.count_open() == 3


async def test_connections_killed_again_and_again_lose_no_job_and_repeat_no_submit(
    tmp_path: Path, sandbox_url: str, postgres_server: PostgresServer
) -> None:
    with databases.on(postgres_server):
        url = databases.url_of(tmp_path)
        async with (
            a_gateway(tmp_path, sandbox_url) as first,
            a_gateway(tmp_path, sandbox_url) as second,
        ):
            prompts = [a_prompt("[[ready after=1]]") for _ in range(20)]
            for prompt in prompts:
                await order(first, prompt)
                await execute(url, TERMINATE)
            await soon(
                lambda: {row["state"] for row in databases.rows_of(tmp_path)} == {"completed"}
            )
            for prompt in prompts:
                assert len(await second.submits(prompt)) == 1


async def test_a_video_that_fell_out_of_the_queue_is_found_again(
    tmp_path: Path, sandbox_url: str, postgres_server: PostgresServer
) -> None:
    with databases.on(postgres_server):
        async with a_gateway(tmp_path, sandbox_url) as gateway:
            prompt = a_prompt("[[never]]")
            await order(gateway, prompt)
            await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == ["rendering"])
        await execute(databases.url_of(tmp_path), "DELETE FROM pgqueuer")
        async with a_gateway(tmp_path, sandbox_url) as gateway:
            await soon(lambda: gateway.rows(prompt)[0]["epoch"] == 2)


async def test_the_time_is_the_server_s_on_a_machine_whose_clock_is_wrong(
    postgres_url: str,
) -> None:
    class Wrong(SystemClock):
        def now(self) -> float:
            return super().now() - 300

    database = open_database(postgres_url)
    assert isinstance(database, PostgresDatabase)
    line = ListenConnection(database.server)
    clock = ServerClock(Wrong(), line)
    await line.open()
    connection = await asyncpg.connect(postgres_url)
    try:
        told = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        assert abs(clock.now() - told) < 10
    finally:
        await connection.close()
        await line.close()
        await database.close()


async def test_gateways_that_would_each_have_a_sandbox_of_their_own_do_not_start(
    tmp_path: Path, postgres_url: str
) -> None:
    settings = Settings.model_validate(settings_values(tmp_path, database_url=postgres_url))
    with pytest.raises(StorageFailed, match="REELGATE_SANDBOX_URL"):
        async with running(settings):
            pass


async def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    tmp_path: Path,
) -> None:
    url = "postgresql://somebody:secret-word@127.0.0.1:1/reelgate"
    settings = Settings.model_validate(settings_values(tmp_path, database_url=url))
    with pytest.raises(StorageFailed) as caught:
        await migrate_database(settings)
    assert "secret-word" not in str(caught.value)
