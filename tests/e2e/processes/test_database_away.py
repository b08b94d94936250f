"""A Postgres server that is away: told once, no order is taken, and a stop is still a stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.gateway.process import a_gateway_process, client_of
from tests.gateway import Gateway, a_prompt, soon, until
from tests.postgres import PostgresServer
from tests.postgres_relay import relayed

ASYNC = {"Prefer": "respond-async"}
JOBS = 5
HEALTH_S = 5.0
GONE_S = 30.0


@pytest.mark.long
async def test_an_outage_is_told_once_with_its_end_and_a_stop_in_the_next_one_is_quick(
    tmp_path: Path, sandbox_url: str, postgres_server: PostgresServer
) -> None:
    loop = asyncio.get_running_loop()
    with postgres_server.database() as url:
        async with (
            relayed(url) as relay,
            a_gateway_process(tmp_path, sandbox_url, database_url=relay.url) as process,
            client_of(process, sandbox_url) as gateway,
        ):
            for _ in range(JOBS):
                reply = await gateway.generate(a_prompt("[[never]]"), headers=ASYNC)
                assert reply.status == 202
            await until(lambda: are_rendering(gateway))
            assert (await gateway.call("GET", "/ready")).status == 200

            relay.cut()
            began_s = loop.time()
            health = await gateway.call("GET", "/health")
            assert (health.status, health.body["jobs_open"]) == (200, None)
            assert loop.time() - began_s < HEALTH_S
            await until(lambda: is_ready(gateway, 503))
            assert "database" in [reason["code"] for reason in await reasons(gateway)]
            unpaid = a_prompt()
            assert (await gateway.generate(unpaid, headers=ASYNC)).status == 507
            assert events(tmp_path) == ["database_away"]

            await relay.open()
            await until(lambda: is_ready(gateway, 200))
            await soon(lambda: events(tmp_path) == ["database_away", "database_back"])
            assert await gateway.submits(unpaid) == []

            relay.cut()
            await soon(lambda: events(tmp_path)[2:] == ["database_away"])
            began_s = loop.time()
            process.terminate()
            assert await process.ended() == 0
            assert loop.time() - began_s < GONE_S
    assert events(tmp_path)[3:] in ([], ["dispatch_cut_off"])
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.long
async def test_an_accepted_submit_that_could_not_be_written_down_outlives_its_process(
    tmp_path: Path, sandbox_url: str, postgres_server: PostgresServer
) -> None:
    prompt = a_prompt("[[late after=1]] [[ready after=2]]")
    with postgres_server.database() as url:
        async with (
            relayed(url) as relay,
            a_gateway_process(tmp_path, sandbox_url, database_url=relay.url) as process,
        ):
            async with client_of(process, sandbox_url) as before:
                assert (await before.generate(prompt, headers=ASYNC)).status == 202
                await until(lambda: before.was_accepted(prompt))
                relay.cut()
                await soon(lambda: bool(receipts(tmp_path)))
                process.terminate()
                assert await process.ended() == 0
            await relay.open()
            await process.start()
            async with client_of(process, sandbox_url) as after:
                await until(lambda: is_completed(after))
                assert len(await after.submits(prompt)) == 1
    assert receipts(tmp_path) == []


def receipts(folder: Path) -> list[Path]:
    return list(folder.glob("receipts/*.json"))


async def is_completed(gateway: Gateway) -> bool:
    [video] = (await gateway.call("GET", "/v1/videos")).body["data"]
    assert video["error"] is None
    return bool(video["status"] == "completed")


async def are_rendering(gateway: Gateway) -> bool:
    reply = await gateway.call("GET", "/v1/videos?status=in_progress")
    return len(reply.body["data"]) == JOBS


async def is_ready(gateway: Gateway, status: int) -> bool:
    return (await gateway.call("GET", "/ready")).status == status


async def reasons(gateway: Gateway) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await gateway.call("GET", "/ready")).body["reasons"]
    return found


def events(folder: Path) -> list[str]:
    """The warnings and errors in a gateway's log."""
    lines = (folder / "log").read_text().splitlines()
    return [
        line.split("]", 1)[1].split()[0] for line in lines if "[warning" in line or "[error" in line
    ]
