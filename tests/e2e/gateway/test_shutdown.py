"""SIGTERM: callers are told where to look, and no submit is torn in two."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.gateway import a_prompt, soon, until

from .process import a_gateway_process, client_of

pytestmark = pytest.mark.both_databases

QUICK_S = 15.0


async def test_callers_are_answered_202_and_the_job_goes_on_after_a_restart(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt("[[ready after=3]]")
    loop = asyncio.get_running_loop()
    async with a_gateway_process(tmp_path, sandbox_url) as process:
        async with client_of(process, sandbox_url) as before:
            asking = [asyncio.create_task(before.generate(prompt)) for _ in range(3)]

            async def all_accepted() -> bool:
                return len(await before.accepted(prompt)) == 3

            await until(all_accepted)
            began_s = loop.time()
            process.terminate()
            replies = await asyncio.gather(*asking)
            assert await process.ended() == 0
            assert loop.time() - began_s < QUICK_S
        for reply in replies:
            assert (reply.status, reply.body["status"]) == (202, "PROCESSING")
            assert reply.headers["Location"] == f"/v1/videos/{reply.video}"
        await process.start()
        async with client_of(process, sandbox_url) as after:
            again = await asyncio.gather(*(after.generate(prompt) for _ in range(3)))
            assert len(await after.submits(prompt)) == 3
    assert {reply.video for reply in again} == {reply.video for reply in replies}
    assert [(reply.attached, reply.body["status"]) for reply in again] == [(True, "COMPLETED")] * 3


async def test_a_submit_under_way_is_seen_to_its_end_first(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt("[[late after=1.5]] [[ready after=2]]")
    async with a_gateway_process(tmp_path, sandbox_url) as process:
        async with client_of(process, sandbox_url) as before:
            asking = asyncio.create_task(before.generate(prompt))
            await until(lambda: before.was_accepted(prompt))
            process.terminate()
            reply = await asking
            assert (reply.status, reply.body["id"]) == (202, "")
            assert await process.ended() == 0
            [row] = before.rows(prompt)
            [job] = await before.accepted(prompt)
            assert (row["state"], row["provider_id"]) == ("rendering", job["id"])
        await process.start()
        async with client_of(process, sandbox_url) as after:
            again = await after.generate(prompt)
            assert len(await after.submits(prompt)) == 1
    assert (again.attached, again.body["status"]) == (True, "COMPLETED")


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("[[429 retry-after=60]]", "queued"),
        ("[[never]]", "rendering"),
        ("[[slow-bytes rate=500]]", "fetching"),
    ],
)
async def test_it_stops_quickly_whatever_its_jobs_wait_for(
    tmp_path: Path, sandbox_url: str, fault: str, state: str
) -> None:
    prompt = a_prompt(fault)
    loop = asyncio.get_running_loop()
    async with (
        a_gateway_process(tmp_path, sandbox_url) as process,
        client_of(process, sandbox_url) as gateway,
    ):
        await gateway.generate(prompt, headers={"Prefer": "respond-async"})
        await until(lambda: gateway.was_submitted(prompt))
        await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == [state])
        began_s = loop.time()
        process.terminate()
        assert await process.ended() == 0
        assert loop.time() - began_s < QUICK_S
        [row] = gateway.rows(prompt)
        assert row["state"] == state
        assert len(await gateway.submits(prompt)) == 1


async def test_a_second_signal_lets_nobody_wait_any_longer(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt("[[never]]")
    loop = asyncio.get_running_loop()
    async with (
        a_gateway_process(tmp_path, sandbox_url, shutdown_grace_s=600.0) as process,
        client_of(process, sandbox_url) as gateway,
    ):
        asking = asyncio.create_task(gateway.generate(prompt))
        await until(lambda: gateway.was_accepted(prompt))
        began_s = loop.time()
        process.terminate()
        # Until the first is heeded a second would be the same one.
        await soon(lambda: not (tmp_path / "server.url").exists())
        process.terminate()
        assert (await asking).status == 202
        assert await process.ended() == 0
        assert loop.time() - began_s < QUICK_S
