"""SIGKILL inside the submit, again and again: each job is found, and none is paid twice.

On Postgres another process waits for 90 s before it takes such a job for lost; what it does then is
shown by `test_a_submit_of_a_process_that_died_is_found`.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from reelgate.clock import SystemClock
from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.domain.video import State, Timeline
from reelgate.jobs.runner import JobRunner
from reelgate.net.client import HttpClient
from reelgate.sandbox import Sandbox
from tests.db.factories import a_video
from tests.e2e.gateway.process import a_gateway_process, client_of
from tests.e2e.processes.job_context import context_on
from tests.gateway import TINY, a_prompt, read_rows, soon, until
from tests.providers.imagine_account import an_imagine

HELD = "[[late after=60]]"
KILLS = int(os.environ.get("KILLS_IN_SUBMIT", "3"))
"""30 of them take a minute."""
MARKER = "0b9d3c1e-0000-4000-8000-00000000000a"


async def test_killed_inside_the_submit_each_is_found_and_none_is_paid_twice(
    tmp_path: Path,
) -> None:
    prompts: list[str] = []
    async with (
        Sandbox(replace(TINY, listing="markers")) as sandbox,
        a_gateway_process(tmp_path, sandbox.url) as process,
    ):
        for _ in range(KILLS):
            prompt = a_prompt(HELD)
            prompts.append(prompt)
            async with client_of(process, sandbox.url) as gateway:
                asking = asyncio.create_task(gateway.generate(prompt))
                await until(partial(gateway.was_accepted, prompt))
                await process.kill()
                with suppress(aiohttp.ClientError):
                    await asking
            await process.start()
        await soon(lambda: [row["state"] for row in read_rows(tmp_path)] == ["completed"] * KILLS)
        rows = read_rows(tmp_path)
        paid = {job.clip.prompt: job.id for job in sandbox.jobs}
        assert len(sandbox.jobs) == KILLS
    assert {row["prompt"]: row["provider_id"] for row in rows} == paid


@pytest.mark.parametrize("marker", [MARKER, None], ids=["marked", "of an older version"])
async def test_a_submit_of_a_process_that_died_is_found(
    database_url: str, marker: str | None
) -> None:
    async with (
        Sandbox(replace(TINY, listing="markers")) as sandbox,
        HttpClient(max_connections=10, clock=SystemClock()) as http,
    ):
        database = open_database(database_url)
        await migrate(database)
        changes, provider = Changes(), an_imagine(http, sandbox.url)
        context = context_on(database, provider, changes, lease_s=0.1)
        now = context.clock.now()
        made, _ = await Admission(database).admit(
            a_video(a_prompt(), timeline=Timeline(now)), AdmissionOptions(now=now)
        )
        video = await context.videos.move(
            made,
            State.SUBMITTING,
            attempts=1,
            marker=marker,
            timeline=replace(made.timeline, submitting_at=now),
        )
        accepted = await provider.submit(video.request, marker=marker or "")
        running = asyncio.create_task(JobRunner(context, changes).run(video.id))

        async def is_found() -> bool:
            found = await context.videos.find(video.id)
            return found is not None and found.provider_id == accepted.provider_id

        await until(is_found)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await database.close()
