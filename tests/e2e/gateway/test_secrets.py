"""The account's token is named when it fails, and shown to nobody."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.gateway import a_gateway, a_prompt, a_token, an_account

EXPIRED = a_token(userId="user-7", exp=1_600_000_000)
ALIVE = a_token(userId="user-7", exp=4_000_000_000)


async def test_an_expired_token_is_named_and_nothing_is_sent(
    tmp_path: Path, sandbox_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    prompt = a_prompt()
    async with a_gateway(
        tmp_path, sandbox_url, providers={"imagine": an_account(sandbox_url, EXPIRED)}
    ) as gateway:
        reply = await gateway.generate(prompt)
        assert await gateway.submits(prompt) == []
    assert (reply.status, reply.code) == (502, "upstream_unauthorized")
    assert "IMAGINE_TOKEN" in reply.body["detail"]
    assert "2020-09-13" in reply.body["detail"]
    assert_kept_secret(EXPIRED, reply.text + str(reply.headers), tmp_path, capfd)


async def test_a_token_that_the_upstream_refuses_is_not_repeated(
    tmp_path: Path, sandbox_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    prompt = a_prompt("[[401]]")
    async with a_gateway(
        tmp_path, sandbox_url, providers={"imagine": an_account(sandbox_url, ALIVE)}
    ) as gateway:
        reply = await gateway.generate(prompt)
        assert len(await gateway.submits(prompt)) == 1
    assert (reply.status, reply.code) == (502, "upstream_unauthorized")
    assert_kept_secret(ALIVE, reply.text + str(reply.headers), tmp_path, capfd)


async def test_with_a_token_nothing_is_called_a_sandbox(tmp_path: Path, sandbox_url: str) -> None:
    """It is the real account then, as far as the gateway knows."""
    async with a_gateway(
        tmp_path, sandbox_url, providers={"imagine": an_account(sandbox_url, ALIVE)}
    ) as gateway:
        reply = await gateway.generate(a_prompt("[[402]]"))
        health = await gateway.call("GET", "/health")
    assert reply.code == "insufficient_credits"
    assert "Reelgate-Sandbox" not in reply.headers
    assert (health.body["sandbox"], health.body["provider"]) == (False, "imagine")


def assert_kept_secret(
    token: str, answer: str, data_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No part of the token is in the answer, the log or the database."""
    printed = capfd.readouterr()
    assert "video_failed" in printed.out + printed.err, "the log was not captured"
    with closing(sqlite3.connect(data_dir / "reelgate.sqlite")) as database:
        stored = "\n".join(database.iterdump())
    for part in token.split("."):
        for place in (answer, printed.out, printed.err, stored):
            assert part not in place
