"""SIGKILL at any moment: no job is lost, none is submitted twice."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reelgate.sandbox import Sandbox
from tests.gateway import GENERATIONS, SHORT, TINY, a_prompt, callers, read_rows, soon, until

from .process import GatewayProcess, a_gateway_process, client_of

SEED = 20261122
JOBS = 36
SPREAD_S = 8.0
LONGEST_LIFE_S = 1.5
LONGER_S = 0.1
"""Each life may be longer than the one before, or a job slower than a life would never end."""
FAULTS = ("", "[[late after=0.3]]", "[[ready after=1]]", "[[slow-bytes rate=100000]]")


@dataclass
class Told:
    """What the callers have heard."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    """Prompts answered 202, with the id they were given."""
    answered: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    """Prompts answered for good, with status and body."""


Caller = Callable[
    [GatewayProcess, aiohttp.ClientSession, Told, str, float], Coroutine[object, object, None]
]


@pytest.mark.long
async def test_killed_again_and_again_it_loses_nothing_and_pays_once(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    told = Told()
    options = replace(TINY, speed=60, data_dir=tmp_path / "upstream")
    async with (
        Sandbox(options) as sandbox,
        a_gateway_process(tmp_path, sandbox.url) as process,
        callers() as session,
    ):
        asking = [
            asyncio.create_task(caller(process, session, told, prompt, rng.uniform(0, SPREAD_S)))
            for caller, prompt in all_callers()
        ]
        kills = await kill_until_over(process, asking, rng)
        await asyncio.gather(*asking)
        await soon(lambda: all(is_over(row) for row in read_rows(tmp_path)))
        rows = read_rows(tmp_path)
        audit(sandbox, rows, told, tmp_path)
    assert kills >= 5, "hardly anything was killed while it worked"
    assert len(told.acknowledged) + len(told.answered) == JOBS
    assert "completed" in {row["state"] for row in rows}


def all_callers() -> Iterator[tuple[Caller, str]]:
    """Callers of both kinds, each with a prompt of its own; every fault meets both."""
    for number in range(JOBS):
        caller = persistent_caller if number % 2 else sent_caller
        yield caller, a_prompt(FAULTS[number // 2 % len(FAULTS)])


async def persistent_caller(
    process: GatewayProcess, session: aiohttp.ClientSession, told: Told, prompt: str, delay_s: float
) -> None:
    """Asks until it is answered, as often as the line breaks."""
    await asyncio.sleep(delay_s)
    while prompt not in told.answered:
        try:
            status, body = await ask(process, session, prompt)
        except aiohttp.ClientError:
            continue
        told.answered[prompt] = (status, body)


async def sent_caller(
    process: GatewayProcess, session: aiohttp.ClientSession, told: Told, prompt: str, delay_s: float
) -> None:
    """Sends its job and trusts the acknowledgement; where it gets none it sends another job."""
    await asyncio.sleep(delay_s)
    for attempt in itertools.count():
        other = f"{prompt} ({attempt})"
        with suppress(aiohttp.ClientError):
            status, body = await ask(process, session, other, Prefer="respond-async")
            assert status == 202
            told.acknowledged[other] = body["id"]
            return


async def ask(
    process: GatewayProcess, session: aiohttp.ClientSession, prompt: str, **headers: str
) -> tuple[int, dict[str, Any]]:
    url = await process.url() + GENERATIONS
    body = {"prompt": prompt, **SHORT}
    async with session.post(url, json=body, headers=headers) as response:
        return response.status, json.loads(await response.read())


async def kill_until_over(
    process: GatewayProcess, asking: list[asyncio.Task[None]], rng: random.Random
) -> int:
    """Kill at random moments until every caller and every job is done; returns how many kills met
    a job that went on.
    """
    kills = 0
    while not (all(task.done() for task in asking) and all_over(process)):
        await asyncio.sleep(rng.uniform(0.2, LONGEST_LIFE_S + kills * LONGER_S))
        await process.kill()
        kills += not all_over(process)
        await process.start()
    return kills


def all_over(process: GatewayProcess) -> bool:
    return all(is_over(row) for row in read_rows(process.data_dir))


def is_over(row: dict[str, Any]) -> bool:
    return row["state"] in {"completed", "failed"}


def audit(sandbox: Sandbox, rows: list[dict[str, Any]], told: Told, data_dir: Path) -> None:
    """Compare the upstream's own record with the gateway's and with what the callers heard."""
    paid = Counter(job.clip.prompt for job in sandbox.jobs)
    sent = Counter(str(seen.prompt) for seen in sandbox.recorder if seen.operation == "submit")
    jobs = {job.clip.prompt: job.id for job in sandbox.jobs}
    row_of = {row["prompt"]: row for row in rows}
    assert max(paid.values()) == 1, "a prompt was paid for twice"
    assert max(sent.values()) == 1, "a prompt was submitted twice"
    assert len(row_of) == len(rows), "a prompt has two jobs"
    assert paid.keys() <= row_of.keys(), "a paid job was lost"
    for prompt, video_id in told.acknowledged.items():
        assert row_of[prompt]["id"] == video_id, "an acknowledged job was lost"
    for prompt, row in row_of.items():
        if row["state"] == "completed":
            assert row["provider_id"] == jobs[prompt]
            assert_file(row, data_dir)
        else:
            assert json.loads(row["failure"])["code"] == "submission_unknown"
    for prompt, (status, body) in told.answered.items():
        if status == 200:
            assert (body["status"], body["id"]) == ("COMPLETED", jobs[prompt])
        else:
            assert (status, body["error"]["code"]) == (502, "submission_unknown")
            assert row_of[prompt]["state"] == "failed"


def assert_file(row: dict[str, Any], data_dir: Path) -> None:
    """The file of a completed job is there, whole."""
    kept = json.loads(row["file"])
    content = (data_dir / "videos" / kept["key"]).read_bytes()
    assert len(content) == kept["size_bytes"] == row["file_bytes"]
    assert hashlib.sha256(content).hexdigest() == kept["sha256"]


@dataclass(frozen=True)
class Moment:
    """A moment to kill at: the state that the job is in, and what follows."""

    state: str
    fault: str
    status: int
    submits: int


MOMENTS = (
    Moment("queued", "[[429 retry-after=2 times=1]]", 200, submits=2),
    Moment("submitting", "[[late after=60]]", 502, submits=1),
    Moment("rendering", "[[ready after=1]]", 200, submits=1),
    Moment("fetching", "[[slow-bytes rate=8000]]", 200, submits=1),
)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.state)
async def test_killed_in_any_state_the_job_goes_on_and_its_caller_finds_it(
    tmp_path: Path, sandbox_url: str, moment: Moment
) -> None:
    prompt = a_prompt(moment.fault)
    async with a_gateway_process(tmp_path, sandbox_url) as process:
        async with client_of(process, sandbox_url) as before:
            asking = asyncio.create_task(before.generate(prompt))
            await until(lambda: before.was_submitted(prompt))

            def is_there() -> bool:
                return [row["state"] for row in before.rows(prompt)] == [moment.state]

            await soon(is_there)
            await process.kill()
            with pytest.raises(aiohttp.ClientError):
                await asking
        await process.start()
        async with client_of(process, sandbox_url) as after:
            reply = await after.generate(prompt)
            [job] = await after.accepted(prompt)
            assert len(await after.submits(prompt)) == moment.submits
    assert (reply.status, reply.attached) == (moment.status, True)
    if moment.status == 200:
        assert (reply.body["status"], reply.body["id"]) == ("COMPLETED", job["id"])
    else:
        assert reply.code == "submission_unknown"


async def test_a_video_that_got_ready_while_nobody_ran_is_delivered_however_late(
    tmp_path: Path, sandbox_url: str
) -> None:
    """It has been paid for: the job's time-out ends no job that was not looked at."""
    prompt = a_prompt("[[ready after=2]]")
    async with a_gateway_process(tmp_path, sandbox_url, job_timeout_s=2.5) as process:
        async with client_of(process, sandbox_url) as before:
            sent = await before.generate(prompt, headers={"Prefer": "respond-async"})
            await until(lambda: before.was_accepted(prompt))
            await soon(lambda: [row["state"] for row in before.rows(prompt)] == ["rendering"])
            await process.kill()
            [row] = before.rows(prompt)
            await soon(lambda: time.time() > row["submitted_at"] + 3)
        await process.start()
        async with client_of(process, sandbox_url) as after:
            await soon(lambda: is_over(after.rows(prompt)[0]))
            [row] = after.rows(prompt)
    assert (row["id"], row["state"]) == (sent.video, "completed")


@pytest.mark.long
async def test_a_kill_before_the_submit_reached_the_upstream_is_unknown_too(
    tmp_path: Path,
) -> None:
    """The gateway cannot know that nothing was accepted, so it does not send again."""
    prompt = a_prompt()
    held = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The list of what was made may be asked for; only a POST submits.
        if (await reader.readline()).startswith(b"POST"):
            held.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        upstream = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with a_gateway_process(tmp_path, upstream) as process:
            async with client_of(process, upstream) as before:
                asking = asyncio.create_task(before.generate(prompt))
                await held.wait()
                held.clear()
                await process.kill()
                with pytest.raises(aiohttp.ClientError):
                    await asking
            await process.start()
            async with client_of(process, upstream) as after:
                reply = await after.generate(prompt)
    assert (reply.status, reply.code, reply.attached) == (502, "submission_unknown", True)
    assert not held.is_set(), "it was sent again"
