"""What becomes of the jobs of a process that dies, is paused, or is restarted."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.gateway import GIVE_UP_S, Gateway, a_prompt, until
from tests.postgres import execute

from .fleet import Fleet, order


async def paid_once(gateway: Gateway, prompts: list[str]) -> bool:
    """Whether each of these prompts was sent once and accepted."""
    sent = await asyncio.gather(*(gateway.submits(prompt) for prompt in prompts))
    accepted = await asyncio.gather(*(gateway.accepted(prompt) for prompt in prompts))
    return all(len(of_one) == 1 for of_one in [*sent, *accepted])


async def all_accepted(gateway: Gateway, prompts: list[str]) -> bool:
    """Whether the upstream is at work on each of these prompts."""
    return all([await gateway.was_accepted(prompt) for prompt in prompts])


async def test_a_killed_process_s_jobs_are_taken_over_and_its_callers_find_theirs(
    fleet: Fleet,
) -> None:
    first, second = await fleet.start(), await fleet.start()
    prompts = [a_prompt("[[ready after=3]]") for _ in range(12)]
    held = a_prompt("[[ready after=3]]")
    asking = asyncio.create_task(first.generate(held))
    await asyncio.gather(*(order(first, prompt) for prompt in prompts))
    await fleet.until_all_are("rendering")
    await fleet.kill(0)
    # The server itself knows who is gone: no heartbeat has to be missed first.
    await execute(fleet.url, "UPDATE pgqueuer SET heartbeat = now() + interval '1 day'")
    await asyncio.gather(asking, return_exceptions=True)
    assert isinstance(asking.exception(), Exception)

    await fleet.until_rows(lambda rows: {row["caller"] for row in rows} == {"none", "gone"})
    again = await second.generate(held)
    assert (again.attached, again.body["status"]) == (True, "COMPLETED")
    await fleet.until_all_are("completed")
    assert await paid_once(second, [*prompts, held])


@pytest.mark.long
async def test_a_process_paused_longer_than_its_heartbeat_loses_nothing_and_sends_nothing_twice(
    fleet: Fleet,
) -> None:
    first = await fleet.start()
    submitting = [a_prompt("[[late after=5]]") for _ in range(3)]
    rendering = [a_prompt("[[ready after=4]]") for _ in range(3)]
    await asyncio.gather(*(order(first, prompt) for prompt in rendering))
    await fleet.until_all_are("rendering")
    await asyncio.gather(*(order(first, prompt) for prompt in submitting))
    await until(lambda: all_accepted(first, submitting))
    fleet.signal(0, signal.SIGSTOP)
    second = await fleet.start()
    # The other process takes over and finishes what can be finished without the answers that
    # only the paused one can read.
    await fleet.until_rows(
        lambda rows: sorted(row["state"] for row in rows) == ["completed"] * 3 + ["submitting"] * 3
    )
    fleet.signal(0, signal.SIGCONT)
    await fleet.until_all_are("completed")
    assert await paid_once(second, [*submitting, *rendering])


@pytest.mark.long
async def test_a_rolling_restart_under_load_loses_no_job_and_repeats_no_submit(
    fleet: Fleet,
) -> None:
    for _ in range(4):
        await fleet.start()
    prompts: list[str] = []
    stop = asyncio.Event()

    async def load() -> None:
        while not stop.is_set():
            prompts.append(a_prompt("[[ready after=1]]"))
            # The newest: the oldest is the one that is about to end.
            await order(fleet.gateways[-1], prompts[-1])
            await asyncio.sleep(0.05)

    loading = asyncio.create_task(load())
    for _ in range(4):
        await fleet.start()
        await fleet.end(0)
    stop.set()
    await loading
    await fleet.until_all_are("completed")
    assert len(fleet.rows()) == len(prompts)
    assert await paid_once(fleet.gateways[0], prompts)


async def test_a_process_that_ends_hands_its_jobs_over_while_its_callers_wait_on(
    fleet: Fleet,
) -> None:
    first = await fleet.start(shutdown_grace_s=GIVE_UP_S)
    prompt = a_prompt("[[ready after=2]]")
    asking = asyncio.create_task(first.generate(prompt))
    await until(lambda: first.was_accepted(prompt))
    second = await fleet.start()
    await fleet.end(0)
    reply = await asking
    assert (reply.status, reply.body["status"]) == (200, "COMPLETED")
    assert await paid_once(second, [prompt])


async def test_a_worker_without_http_carries_the_jobs_of_a_gateway_that_is_gone(
    fleet: Fleet,
) -> None:
    gateway = await fleet.start()
    prompts = [a_prompt("[[ready after=1]]") for _ in range(5)]
    await asyncio.gather(*(order(gateway, prompt) for prompt in prompts))
    await fleet.start_worker()
    await fleet.end(0)
    await fleet.until_all_are("completed")
    assert await paid_once(gateway, prompts)
