"""`/ready`: whether the gateway may be sent work, and why not."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import structlog

from reelgate.runtime.gateway import open_gateway
from reelgate.service import readiness
from reelgate.settings import Settings
from tests.gateway import (
    Gateway,
    a_gateway,
    a_prompt,
    a_token,
    an_account,
    settings_values,
    soon,
    until,
)
from tests.tiny_disk import fill, tiny_disk

ASYNC = {"Prefer": "respond-async"}
MIB = 2**20


async def told(gateway: Gateway) -> tuple[int, list[str], list[str]]:
    """The status, the reasons and the warnings."""
    reply = await gateway.call("GET", "/ready")
    assert reply.headers["Cache-Control"] == "no-store"
    reasons, warnings = (
        [entry["code"] for entry in reply.body[kind]] for kind in ("reasons", "warnings")
    )
    return reply.status, reasons, warnings


async def until_told(gateway: Gateway, *wanted: object) -> None:
    async def is_told() -> bool:
        return await told(gateway) == wanted

    await until(is_told)


@pytest.mark.both_databases
async def test_a_gateway_at_work_is_ready(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        assert await told(gateway) == (200, [], [])


async def test_a_gateway_with_as_much_work_as_it_takes_is_not_ready(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, max_waiting=1, max_in_flight=1) as gateway:
        prompt = a_prompt("[[never]]")
        await gateway.generate(prompt, headers=ASYNC)
        await until_told(gateway, 503, ["overloaded"], ["account"])


async def test_a_folder_that_cannot_keep_videos_is_told_and_so_is_its_end(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "STORAGE_FRESH_S", 0.0)
    monkeypatch.setattr(readiness, "ROUND_S", 0.05)
    with structlog.testing.capture_logs() as log:
        async with a_gateway(tmp_path, sandbox_url) as gateway:
            shutil.rmtree(tmp_path / "videos")
            (tmp_path / "videos").touch()
            await until_told(gateway, 503, ["storage"], [])
            await soon(lambda: "storage_away" in events(log))
            (tmp_path / "videos").unlink()
            await until_told(gateway, 200, [], [])
            await soon(lambda: "storage_back" in events(log))
    assert events(log).count("storage_away") == 1


@pytest.mark.parametrize("url", ["s3://bucket?endpoint=http://127.0.0.1:9&region=x"])
async def test_a_bucket_that_cannot_be_reached_at_the_start_is_told(
    tmp_path: Path, sandbox_url: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "anything")
    monkeypatch.setattr(readiness, "STORAGE_TIMEOUT_S", 0.2)
    with structlog.testing.capture_logs() as log:
        async with a_gateway(tmp_path, sandbox_url, storage_url=url) as gateway:
            await soon(lambda: "storage_away" in events(log))
            assert await told(gateway) == (503, ["storage"], [])
            assert (await gateway.call("GET", "/health")).status == 200


async def test_a_full_disk_under_the_database_is_told_and_so_is_its_end(
    tmp_path: Path, sandbox_url: str
) -> None:
    with tiny_disk(tmp_path / "disk", MIB) as disk, structlog.testing.capture_logs() as log:
        database = f"sqlite:///{disk}/reelgate.sqlite"
        async with a_gateway(tmp_path, sandbox_url, database_url=database) as gateway:
            with fill(disk):
                assert (await gateway.generate(a_prompt(), headers=ASYNC)).status == 507
                assert await told(gateway) == (503, ["database"], [])
            await until_told(gateway, 200, [], [])
    away = [event for event in events(log) if event.startswith("database")]
    assert away == ["database_away", "database_back"]


async def test_a_database_that_was_removed_is_told_before_anybody_orders(
    tmp_path: Path, sandbox_url: str
) -> None:
    folder = tmp_path / "data"
    async with a_gateway(folder, sandbox_url, storage_url=str(tmp_path)) as gateway:
        shutil.rmtree(folder)
        await until_told(gateway, 503, ["database"], [])


async def test_a_gateway_that_stops_is_not_ready(tmp_path: Path, sandbox_url: str) -> None:
    values = settings_values(tmp_path, sandbox_url)
    async with open_gateway(Settings.model_validate(values)) as context:
        context.service.close()
        verdict = await context.readiness.verdict()
    assert [reason.code for reason in verdict.reasons] == ["stopping"]


async def test_a_token_that_ends_while_serving_is_told_before_and_at_its_end(
    tmp_path: Path, sandbox_url: str
) -> None:
    account = an_account(sandbox_url, a_token(exp=time.time() + 2.0, userId="u"))
    with structlog.testing.capture_logs() as log:
        async with a_gateway(tmp_path, providers={"imagine": account}) as gateway:
            assert await told(gateway) == (200, [], ["credential"])
            await until_told(gateway, 503, ["credential"], [])
            await soon(lambda: "credential_expired" in events(log))
            assert (await gateway.call("GET", "/health")).status == 200
    assert [event for event in events(log) if event.startswith("credential")] == [
        "credential_expires",
        "credential_expired",
    ]


async def test_of_a_token_that_does_not_tell_its_end_nothing_is_guessed(
    tmp_path: Path, sandbox_url: str
) -> None:
    account = an_account(sandbox_url, a_token(userId="u"))
    async with a_gateway(tmp_path, providers={"imagine": account}) as gateway:
        assert await told(gateway) == (200, [], [])


async def test_a_web_token_without_a_folder_is_told_and_makes_nothing(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt()
    account = an_account(sandbox_url, a_token(userId="u"), parent_id="")
    with structlog.testing.capture_logs() as log:
        async with a_gateway(tmp_path, sandbox_url, providers={"imagine": account}) as gateway:
            assert await told(gateway) == (503, ["credential"], [])
            reply = await gateway.generate(prompt)
            assert await gateway.submits(prompt) == []
    assert "--choose-folder" in reply.body["detail"]
    assert "no_folder" in events(log)


def events(log: list[Any]) -> list[str]:
    return [str(line["event"]) for line in log]
