"""A submit whose answer was lost is found in the upstream's list, or its outcome stays unknown."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reelgate.sandbox import Listing, Sandbox
from reelgate.sandbox.fault_rule import make_rule
from tests.gateway import TINY, Gateway, a_gateway, a_prompt, soon, until

pytestmark = pytest.mark.both_databases

ASYNC = {"Prefer": "respond-async"}
LOSES = ("[[reset-after]]", "[[504 accepted=1]]", "[[front status=503 by=nginx]]", "[[no-id]]")
PATIENT = 20.0
"""The gateway waits as long as an upstream of this speed would take, and this one is quicker."""


def a_sandbox(listing: Listing) -> Sandbox:
    return Sandbox(replace(TINY, listing=listing))


def ended(rows: list[dict[str, Any]]) -> bool:
    return all(row["state"] in {"completed", "failed"} for row in rows)


def failure_of(row: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(row["failure"])
    return told


async def shown(gateway: Gateway, video_id: str) -> Any:  # noqa: ANN401 - JSON
    return (await gateway.call("GET", f"/v1/videos/{video_id}")).body


@pytest.mark.parametrize("listing", ["markers", "plain"])
async def test_a_submit_whose_answer_was_lost_is_found_and_its_caller_gets_the_video(
    tmp_path: Path, listing: Listing
) -> None:
    async with (
        a_sandbox(listing) as sandbox,
        a_gateway(tmp_path, sandbox.url, sandbox_speed=PATIENT) as gateway,
    ):
        prompts = [a_prompt(loses) for loses in LOSES]
        replies = await asyncio.gather(*(gateway.generate(prompt) for prompt in prompts))
        assert [reply.status for reply in replies] == [200] * len(LOSES)
        for prompt, reply in zip(prompts, replies, strict=True):
            [job] = await gateway.accepted(prompt)
            assert (reply.body["status"], reply.body["id"]) == ("COMPLETED", job["id"])
            told = (await shown(gateway, reply.video))["reelgate"]
            assert (told["charge"], told["correction"]) == ("charged", None)
        assert [len(await gateway.submits(prompt)) for prompt in prompts] == [1] * len(LOSES)


async def test_of_two_equal_submits_without_markers_none_is_guessed(tmp_path: Path) -> None:
    """Each of the two jobs may be either's: they are named, and nobody gets one."""
    async with a_sandbox("plain") as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        prompt = a_prompt("[[reset-after]]")
        replies = await asyncio.gather(*(gateway.generate(prompt) for _ in range(2)))
        jobs = {job["id"] for job in await gateway.accepted(prompt)}
        for reply in replies:
            assert (reply.status, reply.code) == (502, "submission_unknown")
            video = reply.video

            async def names_them(video: str = video) -> bool:
                message = (await shown(gateway, video))["error"]["message"]
                return all(job in message for job in jobs)

            await until(names_them)
            told = (await shown(gateway, reply.video))["reelgate"]
            assert (told["charge"], told["cost"]) == ("unknown", None)
        assert len(jobs) == 2
        # A list that is away says nothing against them.
        sandbox.faults.arm(make_rule("503", operation="list"))
        again = await gateway.call("POST", f"/v1/videos/{replies[0].video}/reconcile")
        assert [job for job in jobs if job not in again.body["error"]["message"]] == []


async def test_a_job_that_another_video_has_is_never_taken(tmp_path: Path) -> None:
    async with a_sandbox("plain") as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        prompt = a_prompt("[[reset-before times=1]]")
        lost, kept = [(await gateway.generate(prompt, headers=ASYNC)).video for _ in range(2)]
        await soon(lambda: ended(gateway.rows(prompt)))
        [job] = await gateway.accepted(prompt)
        by_id = {row["id"]: row for row in gateway.rows(prompt)}
        states = {by_id[each]["state"] for each in (lost, kept)}
        assert states == {"completed", "failed"}
        [done] = [row for row in by_id.values() if row["state"] == "completed"]
        [failed] = [row for row in by_id.values() if row["state"] == "failed"]
        assert done["provider_id"] == job["id"]
        assert (failed["provider_id"], failure_of(failed)["code"]) == (None, "submission_unknown")


async def test_a_job_that_appears_after_the_failure_was_told_corrects_it(tmp_path: Path) -> None:
    """The list has finished jobs only, and this one takes longer than a caller is kept waiting."""
    async with a_sandbox("markers") as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        prompt = a_prompt("[[reset-after]] [[ready after=2]]")
        reply = await gateway.generate(prompt)
        assert (reply.status, reply.code) == (502, "submission_unknown")
        [job] = await gateway.accepted(prompt)
        await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == ["completed"])
        video = await shown(gateway, reply.video)
        assert (video["status"], video["error"]) == ("completed", None)
        assert video["reelgate"]["provider_id"] == job["id"]
        assert video["reelgate"]["correction"]["code"] == "submission_unknown"
        content = await gateway.call("HEAD", f"/v1/videos/{reply.video}/content")
        assert content.headers["Content-Type"] == "video/mp4"
        assert len(await gateway.submits(prompt)) == 1


async def test_a_video_that_is_ready_after_our_time_is_kept_and_says_so(tmp_path: Path) -> None:
    async with (
        a_sandbox("off") as sandbox,
        a_gateway(tmp_path, sandbox.url, job_timeout_s=0.5) as gateway,
    ):
        prompt = a_prompt("[[ready after=2]]")
        reply = await gateway.generate(prompt)
        assert (reply.status, reply.code) == (504, "upstream_timeout")
        again = await gateway.call("POST", f"/v1/videos/{reply.video}/reconcile")
        assert again.body["status"] == "failed"
        await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == ["completed"])
        video = await shown(gateway, reply.video)
        assert video["reelgate"]["correction"]["code"] == "upstream_timeout"
        assert len(await gateway.submits(prompt)) == 1


async def test_a_lost_submit_is_looked_for_at_a_start_and_by_request(tmp_path: Path) -> None:
    """The list is away while the first process runs."""
    async with a_sandbox("markers") as sandbox:
        sandbox.faults.arm(make_rule("404", operation="list"))
        async with a_gateway(tmp_path, sandbox.url) as gateway:
            prompts = [a_prompt("[[reset-after]]") for _ in range(2)]
            replies = [await gateway.generate(prompt) for prompt in prompts]
            assert {reply.code for reply in replies} == {"submission_unknown"}
            sandbox.faults.disarm()
            await gateway.call("POST", f"/v1/videos/{replies[0].video}/reconcile")
            await soon(lambda: gateway.rows(prompts[0])[0]["state"] == "completed")
        async with a_gateway(tmp_path, sandbox.url) as gateway:
            await soon(lambda: gateway.rows(prompts[1])[0]["state"] == "completed")
        assert len(sandbox.jobs) == 2
