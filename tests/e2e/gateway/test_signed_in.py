"""A credential that the gateway renews: what is told of it, and that no secret is told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from reelgate.sandbox import Sandbox
from reelgate.sandbox.faults import Operation
from tests.gateway import TINY, Gateway, a_gateway, a_prompt, a_token, an_account

REFRESH = "a-refresh-token-of-nobody"
COMMAND = "reelgate login imagine"
OTHER_KEY = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(replace(TINY, refresh_token=REFRESH)) as running:
        yield running


async def everything_told(gateway: Gateway, prompt: str) -> str:
    """What each of the gateway's answers says of its credential."""
    answers = [await gateway.call("GET", path) for path in ("/ready", "/health")]
    answers.append(await gateway.generate(prompt))
    assert [COMMAND in answer.text for answer in answers] == [True] * 3, answers
    return "".join(answer.text + str(answer.headers) for answer in answers)


def assert_kept_secret(
    sandbox: Sandbox, token: str, told: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    grants, printed = sandbox.provider.account.grants, capfd.readouterr()
    stored = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    for secret in (token, REFRESH, *grants._sessions, *grants._refreshes, *grants._spent):
        assert secret not in told + printed.out + printed.err
        assert secret.encode() not in stored


async def test_a_token_that_has_ended_is_renewed_and_the_video_made(
    tmp_path: Path, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    token = a_token(userId="u", exp=time.time() - 10)
    account = an_account(sandbox.url, token, refresh_token=REFRESH)
    async with a_gateway(tmp_path, sandbox.url, providers={"imagine": account}) as gateway:
        reply = await gateway.generate(a_prompt("[[ready after=0]]"))
        health = await gateway.call("GET", "/health")
    assert reply.status == 200, reply.text
    assert health.body["credentials"][0]["problem"] is None
    assert sandbox.provider.account.grants.rotations == 1
    told = reply.text + str(reply.headers) + health.text
    assert_kept_secret(sandbox, token, told, tmp_path, capfd)


async def test_a_refresh_token_alone_is_enough(tmp_path: Path, sandbox: Sandbox) -> None:
    account = an_account(sandbox.url, "", refresh_token=REFRESH)
    async with a_gateway(tmp_path, sandbox.url, providers={"imagine": account}) as gateway:
        assert (await gateway.generate(a_prompt("[[402]]"))).code == "insufficient_credits"


async def test_a_dead_refresh_token_says_in_each_place_which_command_to_run(
    tmp_path: Path, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    token = a_token(userId="u", exp=time.time() - 10)
    account = an_account(sandbox.url, token, refresh_token="withdrawn")
    async with a_gateway(tmp_path, sandbox.url, providers={"imagine": account}) as gateway:
        assert (await gateway.generate(a_prompt())).code == "upstream_unauthorized"
        told = await everything_told(gateway, a_prompt())
    printed = capfd.readouterr()
    assert "credential_dead" in printed.out + printed.err
    assert COMMAND in printed.out + printed.err
    assert sandbox.recorder.count(Operation.REFRESH) == 1
    assert sandbox.recorder.count(Operation.SUBMIT) == 0
    assert_kept_secret(sandbox, token, told, tmp_path, capfd)


async def test_a_database_written_with_another_key_is_told_and_the_gateway_runs_on(
    tmp_path: Path, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    token = a_token(userId="u", exp=time.time() + 20_000)
    account = an_account(sandbox.url, token, refresh_token=REFRESH)
    own = {"providers": {"imagine": account}}
    async with a_gateway(tmp_path, sandbox.url, **own):
        pass
    async with a_gateway(tmp_path, sandbox.url, secret_key=OTHER_KEY, **own) as gateway:
        told = await everything_told(gateway, a_prompt())
    assert "another key" in told
    assert sandbox.recorder.count(Operation.SUBMIT) == 0
    assert_kept_secret(sandbox, token, told, tmp_path, capfd)


async def test_a_key_file_that_others_may_read_is_not_used(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    token = a_token(userId="u", exp=time.time() + 20_000)
    account = an_account(sandbox.url, token, refresh_token=REFRESH)
    own = {"providers": {"imagine": account}}
    async with a_gateway(tmp_path, sandbox.url, **own):
        assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secret.key").chmod(0o640)
    async with a_gateway(tmp_path, sandbox.url, **own) as gateway:
        ready = await gateway.call("GET", "/ready")
    assert (ready.status, "chmod 600" in ready.text) == (503, True)
