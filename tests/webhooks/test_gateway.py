"""Webhooks of a whole gateway: what is told, to whom, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from reelgate.sandbox import Sandbox
from tests.gateway import SHORT, TINY, Gateway, Reply, a_gateway, a_prompt, until

from .receivers import SECRET, Receiver, a_receiver, says, verified


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(TINY) as running:
        yield running


@asynccontextmanager
async def a_telling_gateway(
    data_dir: Path, sandbox: Sandbox, **settings: object
) -> AsyncIterator[Gateway]:
    """A gateway that signs webhooks and may send them to loopback."""
    usual = {"webhook_secret": SECRET, "webhook_allow_private": True}
    async with a_gateway(data_dir, sandbox.url, **{**usual, **settings}) as gateway:
        yield gateway


async def ask(gateway: Gateway, prompt: str, **fields: object) -> Reply:
    return await gateway.call("POST", "/v1/videos", json={"prompt": prompt, **SHORT, **fields})


async def test_a_finished_video_is_told_as_its_own_object(
    tmp_path: Path, sandbox: Sandbox, receiver: Receiver
) -> None:
    async with a_telling_gateway(tmp_path, sandbox, webhook_url=receiver.url) as gateway:
        asked = await ask(gateway, a_prompt(), metadata={"order": "7"})
        (got,) = await receiver.has(1)
        shown = await gateway.call("GET", f"/v1/videos/{asked.body['id']}")
    event = verified(got)
    assert event == {"type": "video.completed", "timestamp": event["timestamp"], "data": shown.body}
    assert event["timestamp"].endswith("Z")
    assert event["data"]["metadata"] == {"order": "7"}
    assert event["data"]["reelgate"]["video_url"].startswith(gateway.url)
    unwrapped: Any = OpenAI(api_key="none", webhook_secret=SECRET).webhooks.unwrap(
        got.text, got.headers
    )
    assert unwrapped.type == "video.completed"
    assert unwrapped.data.id == asked.body["id"]


async def test_a_blocking_callers_video_is_told_too(
    tmp_path: Path, sandbox: Sandbox, receiver: Receiver
) -> None:
    async with a_telling_gateway(tmp_path, sandbox, webhook_url=receiver.url) as gateway:
        reply = await gateway.generate(a_prompt())
        (got,) = await receiver.has(1)
    assert got.body["data"]["id"] == reply.video


@pytest.mark.parametrize(
    ("directive", "code"), [("[[402]]", "insufficient_credits"), ("[[fail]]", "upstream_failed")]
)
async def test_a_failed_video_is_told_with_its_error(
    tmp_path: Path, sandbox: Sandbox, receiver: Receiver, directive: str, code: str
) -> None:
    async with a_telling_gateway(tmp_path, sandbox, webhook_url=receiver.url) as gateway:
        await ask(gateway, a_prompt(directive))
        (got,) = await receiver.has(1)
    assert verified(got)["type"] == "video.failed"
    assert got.body["data"]["error"]["code"] == code


async def test_a_cancelled_video_is_told_as_failed_and_so_is_a_deleted_one(
    tmp_path: Path, sandbox: Sandbox, receiver: Receiver
) -> None:
    async with a_telling_gateway(tmp_path, sandbox, webhook_url=receiver.url) as gateway:
        first = (await ask(gateway, a_prompt("[[never]]"))).body["id"]
        other = (await ask(gateway, a_prompt("[[never]]"))).body["id"]
        await gateway.call("POST", f"/v1/videos/{first}/cancel")
        await gateway.call("POST", f"/v1/videos/{first}/cancel")
        await gateway.call("DELETE", f"/v1/videos/{other}")
        got = await receiver.has(2)
    assert {(each.type, each.body["data"]["id"]) for each in got} == {
        ("video.failed", first),
        ("video.failed", other),
    }
    assert {each.body["data"]["error"]["code"] for each in got} == {"cancelled"}


async def test_the_videos_own_endpoint_and_the_one_for_all_are_both_told(
    tmp_path: Path, sandbox: Sandbox, receiver: Receiver
) -> None:
    async with (
        a_receiver() as own,
        a_telling_gateway(tmp_path, sandbox, webhook_url=receiver.url) as gateway,
    ):
        reply = await ask(gateway, a_prompt(), webhook_url=own.url)
        (for_all,), (for_it,) = await receiver.has(1), await own.has(1)
        assert for_all.id != for_it.id
        assert for_all.body["data"]["id"] == for_it.body["data"]["id"] == reply.body["id"]
        await ask(gateway, a_prompt(), webhook_url=receiver.url)
        await ask(gateway, a_prompt())
        assert len({each.body["data"]["id"] for each in await receiver.has(3)}) == 3
        assert len(own.got) == 1


async def test_in_progress_is_told_if_asked_for_and_before_the_end(
    tmp_path: Path, sandbox: Sandbox, receiver: Receiver
) -> None:
    receiver.answers += [says(500)]
    settings = {
        "webhook_url": receiver.url,
        "webhook_events": "video.in_progress, video.completed, video.failed",
    }
    async with a_telling_gateway(tmp_path, sandbox, **settings) as gateway:
        await ask(gateway, a_prompt())
        got = await receiver.has(3)
    assert [each.type for each in got] == ["video.in_progress"] * 2 + ["video.completed"]
    assert got[0].body["data"]["status"] == "in_progress"


BAD = {
    "no scheme": "example.com/hook",
    "another scheme": "ftp://example.com/hook",
    "a user name": "https://user:pass@example.com/hook",
    "loopback": "http://127.0.0.1:9/hook",
    "private": "https://10.1.2.3/hook",
    "metadata service": "http://169.254.169.254/latest/meta-data/",
    "loopback in decimal": "http://2130706433/hook",
    "this machine": "http://localhost/hook",
    "empty": "",
    "endless": "https://example.com/" + "a" * 3000,
}


async def test_an_endpoint_that_could_never_be_told_is_refused_at_once(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with a_gateway(tmp_path, sandbox.url, webhook_secret=SECRET) as gateway:
        for what, url in BAD.items():
            reply = await ask(gateway, a_prompt(), webhook_url=url)
            assert (reply.status, reply.code) == (422, "invalid_request"), what
            assert reply.body["error"]["param"] == "webhook_url", what
        assert await gateway.requests() == []


@pytest.mark.both_databases
async def test_an_endpoint_that_no_index_can_hold_is_refused_before_anything_is_paid(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Postgres indexes no more than 2,700 bytes, which four-byte characters reach at once."""
    varied = "".join(chr(0x10000 + number * 7919 % 60_000) for number in range(2000))
    printable = "".join(char for char in varied if char.isprintable())[:1500]
    async with a_telling_gateway(tmp_path, sandbox) as gateway:
        prompt = a_prompt()
        reply = await ask(gateway, prompt, webhook_url=f"http://127.0.0.1:9/{printable}")
        assert (reply.status, reply.body["error"]["param"]) == (422, "webhook_url")
        longest = "http://127.0.0.1:9/" + "".join(printable[:500])
        video = await ask(gateway, prompt, webhook_url=longest)

        async def is_over() -> bool:
            shown = await gateway.call("GET", f"/v1/videos/{video.body['id']}")
            return bool(shown.body["status"] == "completed")

        await until(is_over)


async def test_without_a_secret_an_endpoint_is_refused_in_words_that_help(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with a_gateway(tmp_path, sandbox.url) as gateway:
        reply = await ask(gateway, a_prompt(), webhook_url="https://example.com/hook")
        assert (reply.status, reply.body["error"]["param"]) == (422, "webhook_url")
        assert "REELGATE_WEBHOOK_SECRET" in reply.body["detail"]
        assert await gateway.requests() == []


async def test_the_log_tells_of_a_failed_delivery_without_secret_or_path(
    tmp_path: Path, sandbox: Sandbox, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.answers += [says(500)]
    url = f"{receiver.url}/T0KEN-in-the-path"
    async with a_telling_gateway(tmp_path, sandbox, webhook_url=url) as gateway:
        await ask(gateway, a_prompt())
        await receiver.has(2)
    printed = "".join(capsys.readouterr())
    assert "webhook_failed" in printed
    assert "T0KEN" not in printed
    assert SECRET.removeprefix("whsec_") not in printed


@pytest.mark.parametrize("tells", [True, False])
async def test_a_late_success_corrects_the_failure_that_was_told_unless_that_is_switched_off(
    tmp_path: Path, sandbox: Sandbox, receiver: Receiver, *, tells: bool
) -> None:
    async with a_telling_gateway(
        tmp_path,
        sandbox,
        webhook_url=receiver.url,
        webhook_corrections=tells,
        webhook_events="video.completed,video.failed,video.in_progress",
        job_timeout_s=0.5,
    ) as gateway:
        late = a_prompt("[[ready after=2]]")
        asked = await ask(gateway, late)
        await until(partial(is_completed, gateway, late))
        other = await ask(gateway, a_prompt("[[402]]"))
        got = await receiver.has(4 if tells else 3)
    told = [(each.body["type"], each.body["data"]["id"]) for each in got]
    of_late = [event for event, video in told if video == asked.body["id"]]
    correction = ["video.completed"] if tells else []
    assert of_late == ["video.in_progress", "video.failed", *correction]
    assert ("video.failed", other.body["id"]) in told


async def is_completed(gateway: Gateway, prompt: str) -> bool:
    return [row["state"] for row in gateway.rows(prompt)] == ["completed"]
