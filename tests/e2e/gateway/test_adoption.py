"""A caller that goes away and asks again gets the job it left, and pays once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.gateway import GENERATIONS, SHORT, Gateway, a_gateway, a_prompt, soon

pytestmark = pytest.mark.both_databases

SLOW = "[[ready after=0.8]]"


async def abandon(gateway: Gateway, prompt: str) -> None:
    """Ask, and hang up once the upstream has accepted."""
    await gateway.hang_up_on(prompt, once=lambda: gateway.was_accepted(prompt))


async def test_the_retry_adopts_the_abandoned_job(gateway: Gateway) -> None:
    prompt = a_prompt(SLOW)
    await abandon(gateway, prompt)
    reply = await gateway.generate(prompt)
    [job] = await gateway.accepted(prompt)
    assert (reply.status, reply.body["status"], reply.body["id"]) == (200, "COMPLETED", job["id"])
    assert reply.attached
    assert len(await gateway.submits(prompt)) == 1


async def test_the_retry_gets_the_video_that_was_finished_meanwhile(gateway: Gateway) -> None:
    prompt = a_prompt("[[ready after=0.3]]")
    await abandon(gateway, prompt)
    await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == ["completed"])
    reply = await gateway.generate(prompt)
    assert (reply.attached, reply.body["status"]) == (True, "COMPLETED")
    assert len(await gateway.submits(prompt)) == 1


async def test_the_retry_adopts_after_a_restart_of_the_gateway(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt(SLOW)
    async with a_gateway(tmp_path, sandbox_url) as before:
        await abandon(before, prompt)
    async with a_gateway(tmp_path, sandbox_url) as after:
        reply = await after.generate(prompt)
        assert (reply.attached, reply.body["status"]) == (True, "COMPLETED")
        assert len(await after.submits(prompt)) == 1


async def test_of_two_retries_at_once_one_adopts_and_the_other_gets_its_own(
    gateway: Gateway,
) -> None:
    prompt = a_prompt(SLOW)
    await abandon(gateway, prompt)
    replies = await asyncio.gather(gateway.generate(prompt), gateway.generate(prompt))
    assert sorted(reply.attached for reply in replies) == [False, True]
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["id"] for reply in replies}) == 2
    assert len(await gateway.accepted(prompt)) == 2


async def test_an_adopted_job_is_answered_once(gateway: Gateway) -> None:
    prompt = a_prompt(SLOW)
    await abandon(gateway, prompt)
    assert (await gateway.generate(prompt)).attached
    assert not (await gateway.generate(prompt)).attached
    assert len(await gateway.accepted(prompt)) == 2


async def test_another_request_does_not_adopt(gateway: Gateway) -> None:
    prompt = a_prompt(SLOW)
    await abandon(gateway, prompt)
    reply = await gateway.generate(prompt, is_enhance=False)
    assert not reply.attached


async def test_after_the_adoption_window_a_request_is_a_new_one(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt(SLOW)
    async with a_gateway(tmp_path, sandbox_url, adopt_window_s=0) as gateway:
        await abandon(gateway, prompt)
        assert not (await gateway.generate(prompt)).attached


@pytest.mark.parametrize("fault", ["[[reset-after]]", "[[500 accepted=1]]", "[[cut-off]]"])
async def test_a_retry_is_told_that_nobody_knows_and_is_not_sent(
    gateway: Gateway, fault: str
) -> None:
    """The caller decides then: the next request is a new one."""
    prompt = a_prompt(f"[[429 retry-after=1 times=1]] {fault}")
    await gateway.hang_up_on(prompt, once=lambda: gateway.was_submitted(prompt))
    told = await gateway.generate(prompt)
    assert (told.status, told.code, told.attached) == (502, "submission_unknown", True)
    assert len(await gateway.accepted(prompt)) == 1
    assert not (await gateway.generate(prompt)).attached


@pytest.mark.parametrize(
    ("fault", "code"),
    [("[[no-id]]", "upstream_bad_response"), ("[[fail after=0.1]]", "upstream_failed")],
)
async def test_a_failure_that_was_paid_for_is_told_once_before_it_is_paid_for_again(
    gateway: Gateway, fault: str, code: str
) -> None:
    prompt = a_prompt(f"[[429 retry-after=1 times=1]] {fault}")
    await gateway.hang_up_on(prompt, once=lambda: gateway.was_submitted(prompt))
    await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == ["failed"])
    told = await gateway.generate(prompt)
    assert (told.code, told.attached) == (code, True)
    assert len(await gateway.accepted(prompt)) == 1
    assert not (await gateway.generate(prompt)).attached


async def test_what_somebody_cancelled_is_made_anew(gateway: Gateway) -> None:
    prompt = a_prompt("[[ready after=20]]")
    await gateway.hang_up_on(prompt, once=lambda: gateway.was_accepted(prompt))
    [row] = gateway.rows(prompt)
    await gateway.call("POST", f"/v1/videos/{row['id']}/cancel")
    reply = await gateway.call(
        "POST",
        GENERATIONS,
        json={"prompt": prompt, **SHORT},
        headers={"Prefer": "wait=1"},
    )
    assert not reply.attached


@pytest.mark.parametrize("fault", ["[[402]]", "[[401]]", "[[400]]"])
async def test_a_failure_that_cost_nothing_is_tried_anew(gateway: Gateway, fault: str) -> None:
    prompt = a_prompt(f"[[429 retry-after=1 times=1]] {fault}")
    await gateway.hang_up_on(prompt, once=lambda: gateway.was_submitted(prompt))
    await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == ["failed"])
    again = await gateway.generate(prompt)
    assert not again.attached
    assert len(await gateway.submits(prompt)) == 3
    assert await gateway.accepted(prompt) == []
