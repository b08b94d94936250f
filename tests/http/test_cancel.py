"""Cancel, delete and remix: at every stage of a job, once and again."""

from __future__ import annotations

import asyncio

import pytest

from reelgate.jobs.fetch import keep_or_raise
from tests.gateway import a_prompt, soon, until

from .jobs import NEVER, READY_AT_ONCE, VIDEOS, JobsGateway, is_refused

STAGES = {
    # Refused for a while: the job waits for its next submit.
    "queued": "[[429 retry-after=60]]",
    "submitting": "[[late after=1]]",
    "rendering": NEVER,
    "fetching": "[[ready after=0]] [[asset-slow-bytes rate=100]]",
}


async def at_stage(gateway: JobsGateway, stage: str) -> str:
    """A video that has reached a stage, and stays there for a while."""
    prompt = a_prompt(STAGES[stage])
    video_id = str((await gateway.created(prompt))["id"])
    if stage in {"queued", "submitting"}:
        await until(lambda: gateway.was_submitted(prompt))
    await soon(lambda: [row["state"] for row in gateway.rows(prompt)] == [stage])
    return video_id


@pytest.mark.parametrize("stage", STAGES)
async def test_a_job_is_cancelled_at_any_stage(gateway: JobsGateway, stage: str) -> None:
    video_id = await at_stage(gateway, stage)
    reply = await gateway.call("POST", f"{VIDEOS}/{video_id}/cancel")
    assert reply.status == 200
    assert (reply.body["status"], reply.body["error"]["code"]) == ("failed", "cancelled")
    again = await gateway.call("POST", f"{VIDEOS}/{video_id}/cancel")
    assert (again.status, again.body) == (200, reply.body)
    content = await gateway.call("GET", f"{VIDEOS}/{video_id}/content")
    assert is_refused(content, 404, "video_not_found")
    assert await gateway.show(video_id) == reply.body


@pytest.mark.parametrize("stage", STAGES)
async def test_a_running_job_is_cancelled_and_forgotten(gateway: JobsGateway, stage: str) -> None:
    video_id = await at_stage(gateway, stage)
    reply = await gateway.call("DELETE", f"{VIDEOS}/{video_id}")
    assert reply.body == {"id": video_id, "deleted": True, "object": "video.deleted"}
    for method, path in (("GET", ""), ("GET", "/content"), ("POST", "/cancel"), ("DELETE", "")):
        gone = await gateway.call(method, f"{VIDEOS}/{video_id}{path}")
        assert is_refused(gone, 404, "video_not_found", "video_id")
    kept = gateway.data_dir / "videos"
    assert [path.name for path in kept.glob("video_*")] == []


async def test_what_is_accepted_after_the_cancel_stays_cancelled(gateway: JobsGateway) -> None:
    """The submit was on its way: it is paid for, but nobody is told of a video any more."""
    prompt = a_prompt("[[late after=0.3]]")
    video_id = (await gateway.created(prompt))["id"]
    await until(lambda: gateway.was_submitted(prompt))
    cancelled = await gateway.call("POST", f"{VIDEOS}/{video_id}/cancel")
    await until(lambda: gateway.was_accepted(prompt))
    assert await gateway.show(video_id) == cancelled.body
    assert len(await gateway.submits(prompt)) == 1


async def test_a_finished_video_is_not_changed_by_a_cancel(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    reply = await gateway.call("POST", f"{VIDEOS}/{video['id']}/cancel")
    assert (reply.status, reply.body) == (200, video)
    content = await gateway.call("HEAD", f"{VIDEOS}/{video['id']}/content")
    assert content.status == 200


async def test_blocking_callers_of_a_cancelled_job_are_told(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    body = {"prompt": prompt, "seconds": "5", "size": "1280x720"}
    key = {"Idempotency-Key": "all of them"}
    waiting = [
        asyncio.create_task(gateway.generate(prompt, headers=key)),
        asyncio.create_task(gateway.generate(prompt, headers=key)),
        asyncio.create_task(gateway.call("POST", f"{VIDEOS}/sync", json=body, headers=key)),
    ]
    await until(lambda: gateway.was_accepted(prompt))
    [row] = gateway.rows(prompt)
    await gateway.call("POST", f"{VIDEOS}/{row['id']}/cancel")
    for reply in await asyncio.gather(*waiting):
        assert is_refused(reply, 409, "cancelled")


async def test_of_many_cancels_at_once_all_agree(gateway: JobsGateway) -> None:
    video_id = await at_stage(gateway, "rendering")
    path = f"{VIDEOS}/{video_id}/cancel"
    replies = await asyncio.gather(*(gateway.call("POST", path) for _ in range(20)))
    assert len({reply.text for reply in replies}) == 1


async def test_a_deleted_video_takes_its_files_with_it(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    kept = gateway.data_dir / "videos"
    assert len(list(kept.glob(f"{video['id']}.*"))) == 2
    await gateway.call("DELETE", f"{VIDEOS}/{video['id']}")
    assert list(kept.glob(f"{video['id']}.*")) == []
    gone = await gateway.call("GET", f"{VIDEOS}/{video['id']}/content")
    assert is_refused(gone, 404, "video_not_found", "video_id")


async def test_a_cancelled_download_is_broken_off(gateway: JobsGateway) -> None:
    """It would take minutes, and leave a file that belongs to no video."""
    video_id = await at_stage(gateway, "fetching")
    await soon(is_downloading)
    await gateway.call("POST", f"{VIDEOS}/{video_id}/cancel")
    await soon(lambda: not is_downloading())
    kept = gateway.data_dir / "videos"
    assert [path for path in kept.rglob("*") if path.is_file()] == []


def is_downloading() -> bool:
    """Whether the gateway, which runs in this event loop, is keeping a video."""
    coroutines = (task.get_coro() for task in asyncio.all_tasks())
    return any(getattr(each, "cr_code", None) is keep_or_raise.__code__ for each in coroutines)


async def test_a_remix_keeps_the_settings(gateway: JobsGateway) -> None:
    settings = {"seconds": "6", "size": "720x1280", "style_id": 7, "is_enhance": False}
    original = await gateway.finished(a_prompt(READY_AT_ONCE), **settings)
    prompt = a_prompt(NEVER)
    reply = await gateway.call("POST", f"{VIDEOS}/{original['id']}/remix", json={"prompt": prompt})
    assert reply.status == 200
    assert reply.body["id"] != original["id"]
    assert reply.body["remixed_from_video_id"] == original["id"]
    assert (reply.body["prompt"], reply.body["status"]) == (prompt, "queued")
    for name in ("model", "seconds", "size"):
        assert reply.body[name] == original[name]
    await until(lambda: gateway.was_submitted(prompt))
    [row] = gateway.rows(prompt)
    assert '"style_id": 7' in row["request"]
    assert '"is_enhance": false' in row["request"]


async def test_a_remix_needs_a_prompt_and_a_video(gateway: JobsGateway) -> None:
    original = await gateway.finished()
    path = f"{VIDEOS}/{original['id']}/remix"
    for body, param in (
        ({}, "prompt"),
        ({"prompt": " "}, "prompt"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"prompt": "a cat", "seconds": "6"}, "seconds"),
    ):
        reply = await gateway.call("POST", path, json=body)
        assert is_refused(reply, 422, "invalid_request", param)
    missing = await gateway.call("POST", f"{VIDEOS}/video_0/remix", json={"prompt": "a cat"})
    assert is_refused(missing, 404, "video_not_found", "video_id")
