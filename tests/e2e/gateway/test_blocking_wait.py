"""How long a blocking caller waits, and what it hears meanwhile."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.gateway import GENERATIONS, SHORT, Gateway, a_gateway, a_prompt, until

SLOW = "[[ready after=1]]"


async def test_after_the_wait_limit_the_job_goes_on_and_the_same_request_joins_it(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt(SLOW)
    async with a_gateway(tmp_path, sandbox_url, wait_limit_s=0.4) as gateway:
        first = await gateway.generate(prompt)
        replies = [first]
        while replies[-1].body["status"] == "PROCESSING":
            replies.append(await gateway.generate(prompt))
        [job] = await gateway.accepted(prompt)
        assert len(await gateway.submits(prompt)) == 1
    assert (first.status, first.attached) == (200, False)
    assert first.body == {
        "id": job["id"],
        "status": "PROCESSING",
        "video_url": f"{gateway.url}/sandbox/processed/{job['id']}",
        "batch_id": job["batch_id"],
    }
    assert all(reply.attached for reply in replies[1:])
    assert {reply.video for reply in replies} == {first.video}
    assert replies[-1].body == {**first.body, "status": "COMPLETED"}


async def test_processing_is_told_even_before_the_upstream_has_accepted(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt("[[429 retry-after=2 times=1]]")
    async with a_gateway(tmp_path, sandbox_url, wait_limit_s=0.2) as gateway:
        reply = await gateway.generate(prompt)
    assert reply.body == {
        "id": "",
        "status": "PROCESSING",
        "video_url": f"{gateway.url}/v1/videos/{reply.video}/content",
        "batch_id": "",
    }


async def test_a_caller_may_cap_its_wait(gateway: Gateway) -> None:
    prompt = a_prompt(SLOW)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    reply = await gateway.generate(prompt, headers={"Prefer": "wait=0"})
    assert loop.time() - began_s < 10
    assert (reply.status, reply.body["status"]) == (200, "PROCESSING")
    assert reply.headers["Preference-Applied"] == "wait=0"
    joined = await gateway.generate(prompt, headers={"Prefer": "wait=30"})
    assert (joined.attached, joined.body["status"]) == (True, "COMPLETED")
    assert joined.headers["Preference-Applied"] == "wait=30"
    assert len(await gateway.submits(prompt)) == 1


async def test_a_caller_cannot_wait_longer_than_the_limit(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url, wait_limit_s=0.2) as gateway:
        reply = await gateway.generate(a_prompt(SLOW), headers={"Prefer": "wait=3600"})
    assert reply.body["status"] == "PROCESSING"


async def test_respond_async_is_answered_at_once_with_a_place_to_look(gateway: Gateway) -> None:
    prompt = a_prompt()
    reply = await gateway.generate(prompt, headers={"Prefer": "respond-async"})
    assert (reply.status, reply.headers["Preference-Applied"]) == (202, "respond-async")
    assert reply.headers["Location"] == f"/v1/videos/{reply.video}"
    assert reply.body == {"id": reply.video, "status": "QUEUED"}

    async def made() -> bool:
        return any(job["state"] == "finished" for job in await gateway.accepted(prompt))

    await until(made)


async def test_respond_async_with_a_wait_prefers_the_answer_while_it_lasts(
    gateway: Gateway,
) -> None:
    prefer = {"Prefer": "respond-async, wait=30"}
    quick = await gateway.generate(a_prompt(), headers=prefer)
    assert (quick.status, quick.body["status"]) == (200, "COMPLETED")
    assert quick.headers["Preference-Applied"] == "respond-async, wait=30"


async def test_respond_async_is_answered_202_when_the_wait_is_over(
    tmp_path: Path, sandbox_url: str
) -> None:
    prefer = {"Prefer": "respond-async, wait=30"}
    async with a_gateway(tmp_path, sandbox_url, wait_limit_s=0.2) as gateway:
        late = await gateway.generate(a_prompt(SLOW), headers=prefer)
    assert (late.status, late.body["status"]) == (202, "PROCESSING")
    assert late.headers["Location"] == f"/v1/videos/{late.video}"


async def test_a_preference_that_makes_no_sense_is_ignored(gateway: Gateway) -> None:
    reply = await gateway.generate(a_prompt(), headers={"Prefer": "wait=soon, handling=lenient"})
    assert (reply.status, reply.body["status"]) == (200, "COMPLETED")
    assert "Preference-Applied" not in reply.headers


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        (SLOW, {"status": "COMPLETED"}),
        ("[[fail after=1]]", {"status": "FAILED"}),
        ("[[429 retry-after=1 times=1]] [[402]]", {"status": "FAILED"}),
    ],
)
async def test_blanks_arrive_while_a_caller_waits(
    tmp_path: Path, sandbox_url: str, fault: str, ending: dict[str, str]
) -> None:
    prompt = a_prompt(fault)
    async with a_gateway(tmp_path, sandbox_url, heartbeat_s=0.05) as gateway:
        body = {"prompt": prompt, **SHORT}
        async with gateway.session.post(gateway.url + GENERATIONS, json=body) as response:
            first = await response.content.readany()
            rest = await response.content.read()
        jobs = await gateway.accepted(prompt)
    assert (response.status, response.content_type) == (200, "application/json")
    assert response.headers["Reelgate-Video-Id"].startswith("video_")
    assert first.strip() == b""
    blanks = len(first + rest) - len((first + rest).lstrip())
    assert blanks >= 5
    answer = json.loads(first + rest)
    assert ending.items() <= answer.items()
    if answer["status"] == "COMPLETED":
        assert answer["id"] == jobs[0]["id"]
    else:
        assert answer["error"]["code"] in {"upstream_failed", "insufficient_credits"}
        assert set(answer) == {"status", "error"}


async def test_with_heartbeats_the_answer_is_spelled_as_without(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, heartbeat_s=0.05) as gateway:
        key = {"Idempotency-Key": "order-1"}
        prompt = a_prompt("[[ready after=1]]")
        with_blanks = await gateway.generate(prompt, headers=key)
        at_once = await gateway.generate(prompt, headers=key)
    assert with_blanks.text[:1] == " "
    assert with_blanks.text.lstrip() == at_once.text
    assert '"status":"COMPLETED"' in at_once.text


async def test_a_quick_failure_keeps_its_status_although_heartbeats_are_on(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path, sandbox_url, heartbeat_s=20) as gateway:
        reply = await gateway.generate(a_prompt("[[402]]"))
    assert (reply.status, reply.code) == (402, "insufficient_credits")
