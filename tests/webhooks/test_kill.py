"""A gateway that is killed loses no webhook."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import aiohttp

from tests.e2e.gateway.processes import start_gateway, start_sandbox
from tests.gateway import SHORT, TINY, a_prompt, callers, read_rows, settings_values

from .receivers import SECRET, Received, a_receiver, until, verified

JOBS = 20
LIVES_S = (0.2, 0.4, 0.6)
SEED = 20261122


async def test_killed_again_and_again_every_ended_video_is_told_and_never_before_its_end(
    tmp_path: Path,
) -> None:
    sandbox = start_sandbox(TINY, tmp_path / "sandbox.log")
    rng = random.Random(SEED)
    async with a_receiver() as receiver, callers() as session:
        settings = settings_values(
            tmp_path / "data",
            sandbox.url,
            webhook_url=receiver.url,
            webhook_secret=SECRET,
            webhook_allow_private=True,
        )
        gateway = await asyncio.to_thread(start_gateway, settings, tmp_path / "log")
        await order(session, gateway.url, JOBS)
        for life_s in LIVES_S:
            await asyncio.sleep(life_s * rng.uniform(0.5, 1.0))
            await asyncio.to_thread(gateway.kill)
            gateway = await asyncio.to_thread(start_gateway, settings, tmp_path / "log")
        try:
            await until(lambda: told(receiver.got) >= JOBS)
        finally:
            await asyncio.to_thread(gateway.kill)
    sandbox.kill()
    rows = {row["id"]: row for row in read_rows(tmp_path / "data")}
    assert len(rows) == JOBS
    for received in receiver.got:
        event = verified(received)
        assert rows[event["data"]["id"]]["state"] == event["data"]["status"]
        assert event["type"] == f"video.{event['data']['status']}"
    assert {each.body["data"]["id"] for each in receiver.got} == set(rows)
    ids = {(each.id, each.body["data"]["id"]) for each in receiver.got}
    assert len(ids) == JOBS, "a repetition has another id"


def told(received: list[Received]) -> int:
    return len({each.body["data"]["id"] for each in received})


async def order(session: aiohttp.ClientSession, url: str, count: int) -> None:
    """Ask for videos, some of which fail."""
    for number in range(count):
        body = {"prompt": a_prompt("[[fail]]" if number % 5 == 0 else ""), **SHORT}
        async with session.post(f"{url}/v1/videos", json=body) as answer:
            assert answer.status == 200, await answer.text()


async def test_an_event_that_nobody_could_be_told_of_waits_through_the_restart(
    tmp_path: Path,
) -> None:
    sandbox = start_sandbox(TINY, tmp_path / "sandbox.log")
    async with a_receiver() as first:
        port = int(first.url.split(":")[2].split("/")[0])
    async with callers() as session:
        settings = settings_values(
            tmp_path / "data",
            sandbox.url,
            webhook_url=first.url,
            webhook_secret=SECRET,
            webhook_allow_private=True,
        )
        gateway = await asyncio.to_thread(start_gateway, settings, tmp_path / "log")
        await order(session, gateway.url, 4)
        await until(lambda: all(row["completed_at"] for row in read_rows(tmp_path / "data")))
        await asyncio.to_thread(gateway.kill)
        async with a_receiver(port=port) as receiver:
            gateway = await asyncio.to_thread(start_gateway, settings, tmp_path / "log")
            began_s = time.monotonic()
            await until(lambda: told(receiver.got) == 4)
            assert time.monotonic() - began_s < 15
            await asyncio.to_thread(gateway.kill)
    sandbox.kill()
