"""A request that is sent again costs once: by its key, by the SDK's count, by `Cache-Control`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import openai
import pytest

from tests.gateway import GENERATIONS, SHORT, Reply, a_prompt, soon, until

from .jobs import NEVER, READY_AT_ONCE, VIDEOS, JobsGateway, a_jobs_gateway, is_refused
from .relay import losing_answers

pytestmark = pytest.mark.both_databases

CALLERS = 50


def key(name: str) -> dict[str, str]:
    return {"Idempotency-Key": name}


def tried(times: int) -> dict[str, str]:
    """What an SDK says of how often it has tried before."""
    return {"x-stainless-retry-count": str(times)}


async def post_form(gateway: JobsGateway, prompt: str, headers: dict[str, str]) -> Reply:
    fields = {"prompt": prompt, "seconds": "5", "size": "1280x720"}
    return await gateway.call("POST", VIDEOS, data=fields_as_form(fields), headers=headers)


def fields_as_form(fields: dict[str, str]) -> bytes:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(parts) + "--b--\r\n").encode()


async def test_50_identical_requests_with_one_key_at_once_make_one_submit(
    gateway: JobsGateway,
) -> None:
    prompt = a_prompt(READY_AT_ONCE)
    replies = await asyncio.gather(
        *(gateway.create(prompt, headers=key("callers")) for _ in range(CALLERS))
    )
    assert [reply.status for reply in replies] == [200] * CALLERS
    [video_id] = {reply.body["id"] for reply in replies}
    assert sum(not reply.attached for reply in replies) == 1
    await gateway.reached(video_id, "completed")
    assert len(gateway.rows(prompt)) == 1
    assert len(await gateway.submits(prompt)) == 1


async def test_50_blocking_requests_with_one_key_at_once_get_one_video(
    gateway: JobsGateway,
) -> None:
    prompt = a_prompt(READY_AT_ONCE)
    replies = await asyncio.gather(
        *(gateway.generate(prompt, headers=key("blocking callers")) for _ in range(CALLERS))
    )
    assert {reply.body["status"] for reply in replies} == {"COMPLETED"}
    assert len({reply.body["id"] for reply in replies}) == 1
    assert sum(not reply.attached for reply in replies) == 1
    assert len(await gateway.submits(prompt)) == 1


async def test_both_shapes_share_a_key(gateway: JobsGateway) -> None:
    prompt = a_prompt(READY_AT_ONCE)
    video = (await gateway.create(prompt, headers=key("shared"))).body
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    by_form = await post_form(gateway, prompt, form | key("shared"))
    blocking = await gateway.generate(prompt, headers=key("shared"))
    assert by_form.body["id"] == blocking.video == video["id"]
    assert by_form.attached
    assert blocking.attached
    assert blocking.body["status"] == "COMPLETED"
    assert len(await gateway.submits(prompt)) == 1


@pytest.mark.parametrize(
    "other",
    [{"seconds": "6"}, {"size": "720x1280"}, {"metadata": {"order": "2"}}, {"is_enhance": False}],
    ids=str,
)
async def test_another_body_under_the_same_key_is_refused(
    gateway: JobsGateway, other: dict[str, object]
) -> None:
    prompt = a_prompt(NEVER)
    first = {"metadata": {"order": "1"}}
    made = await gateway.create(prompt, headers=key("mine"), **first)
    refused = await gateway.create(prompt, headers=key("mine"), **(first | other))
    assert is_refused(refused, 422, "idempotency_mismatch", "Idempotency-Key")
    again = await gateway.create(prompt, headers=key("mine"), **first)
    assert (again.body["id"], again.attached) == (made.body["id"], True)


async def test_a_remix_has_its_key_too(gateway: JobsGateway) -> None:
    original = await gateway.finished()
    path = f"{VIDEOS}/{original['id']}/remix"
    body = {"prompt": a_prompt(NEVER)}
    first, again = [
        await gateway.call("POST", path, json=body, headers=key("remix")) for _ in range(2)
    ]
    assert first.body["id"] == again.body["id"]
    other = await gateway.create(body["prompt"], headers=key("remix"))
    assert is_refused(other, 422, "idempotency_mismatch", "Idempotency-Key")


async def test_a_failed_video_is_replayed_as_it_is(gateway: JobsGateway) -> None:
    prompt = a_prompt("[[402]]")
    made = await gateway.create(prompt, headers=key("poor"))
    await gateway.reached(made.body["id"], "failed")
    again = await gateway.create(prompt, headers=key("poor"))
    assert (again.status, again.body["id"], again.body["status"]) == (
        200,
        made.body["id"],
        "failed",
    )
    blocking = await gateway.generate(prompt, headers=key("poor"))
    assert (blocking.status, blocking.code) == (402, "insufficient_credits")
    assert len(await gateway.submits(prompt)) == 1


async def test_a_key_outlives_a_restart(tmp_path: Path, sandbox_url: str) -> None:
    prompt = a_prompt(NEVER)
    async with a_jobs_gateway(tmp_path, sandbox_url) as before:
        made = await before.create(prompt, headers=key("lasting"))
    async with a_jobs_gateway(tmp_path, sandbox_url) as after:
        again = await after.create(prompt, headers=key("lasting"))
    assert again.body["id"] == made.body["id"]


async def test_a_deleted_video_s_key_says_so_and_makes_no_other(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    made = await gateway.create(prompt, headers=key("gone"))
    await gateway.call("DELETE", f"{VIDEOS}/{made.body['id']}")
    again = await gateway.create(prompt, headers=key("gone"))
    assert is_refused(again, 404, "video_not_found")
    assert gateway.rows(prompt) == []


@pytest.mark.parametrize("value", ["", "x" * 256])
async def test_a_key_has_1_to_255_characters(gateway: JobsGateway, value: str) -> None:
    refused = await gateway.create(a_prompt(), headers=key(value))
    assert is_refused(refused, 422, "invalid_request", "Idempotency-Key")


async def test_a_request_that_was_refused_does_not_use_its_key_up(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    refused = await gateway.create(prompt, headers=key("typo"), seconds="7")
    assert refused.status == 422
    assert (await gateway.create(prompt, headers=key("typo"))).status == 200


async def test_a_second_blocking_caller_s_hang_up_leaves_the_first_its_job(
    gateway: JobsGateway,
) -> None:
    """Both wait by one key; a third without it must not be given what the first still waits for."""
    prompt = a_prompt("[[ready after=0.6]]")
    first = asyncio.create_task(gateway.generate(prompt, headers=key("two")))
    await until(lambda: gateway.was_accepted(prompt))
    patient = key("two") | {"Prefer": "wait=0"}
    second = await gateway.generate(prompt, headers=patient)
    assert second.body["status"] == "PROCESSING"
    assert [row["caller"] for row in gateway.rows(prompt)] == ["waiting"]
    third = await gateway.generate(prompt)
    assert third.body["id"] != (await first).body["id"]


async def test_a_retry_of_the_sdk_gets_the_first_try_s_video(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    first = await gateway.create(prompt)
    for times in (1, 2):
        again = await gateway.create(prompt, headers=tried(times))
        assert (again.body["id"], again.attached) == (first.body["id"], True)
    assert len(gateway.rows(prompt)) == 1


async def test_two_callers_retries_get_two_videos(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    made = {(await gateway.create(prompt)).body["id"] for _ in range(2)}
    retried = await asyncio.gather(*(gateway.create(prompt, headers=tried(1)) for _ in range(2)))
    assert {reply.body["id"] for reply in retried} == made
    assert len(gateway.rows(prompt)) == 2


async def test_a_retry_is_told_apart_by_what_else_the_body_says(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    first = await gateway.create(prompt, metadata={"customer": "a"})
    await gateway.create(prompt, metadata={"customer": "b"})
    again = await gateway.create(prompt, headers=tried(1), metadata={"customer": "a"})
    assert again.body["id"] == first.body["id"]


async def test_a_retry_whose_first_try_never_arrived_is_a_new_video(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    reply = await gateway.create(prompt, headers=tried(1))
    assert (reply.status, reply.attached) == (200, False)


@pytest.mark.filterwarnings(
    "ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"
)
async def test_two_sdks_that_lose_their_answers_pay_for_two_videos(gateway: JobsGateway) -> None:
    prompt = a_prompt(READY_AT_ONCE)

    async def ask() -> str:
        async with (
            losing_answers(gateway.url) as relay,
            openai.AsyncOpenAI(base_url=f"{relay.url}/v1", api_key="rg_test") as client,
        ):
            video = await client.videos.create(prompt=prompt, model="imagine-text-to-video")
            assert relay.lost == 1
            return video.id

    asked = await asyncio.gather(ask(), ask())
    assert len(set(asked)) == 2
    for video_id in asked:
        await gateway.reached(video_id, "completed")
    assert len(await gateway.submits(prompt)) == 2


async def test_a_finished_video_is_taken_where_the_caller_takes_one(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    prompt = video["prompt"]
    cached = await gateway.create(prompt, headers={"Cache-Control": "max-age=600"})
    assert (cached.body["id"], cached.attached) == (video["id"], True)
    blocking = await gateway.generate(prompt, headers={"Cache-Control": "max-age=600"})
    assert (blocking.video, blocking.body["status"]) == (video["id"], "COMPLETED")
    assert len(await gateway.submits(prompt)) == 1


@pytest.mark.parametrize(
    "control", ["no-cache", "max-age=600, no-cache", "no-store, max-age=600", "max-age=0", "public"]
)
async def test_a_new_video_is_made_where_the_caller_wants_one(
    gateway: JobsGateway, control: str
) -> None:
    video = await gateway.finished()
    made = await gateway.create(video["prompt"], headers={"Cache-Control": control})
    assert not made.attached
    assert made.body["id"] != video["id"]


async def test_what_is_not_finished_is_not_taken(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    running = await gateway.created(prompt)
    made = await gateway.create(prompt, headers={"Cache-Control": "max-age=600"})
    assert made.body["id"] != running["id"]


async def test_a_lost_raw_video_is_adopted_by_the_next_request(gateway: JobsGateway) -> None:
    """A caller of `sync` who breaks off in the middle of the bytes has not had its answer."""
    prompt = a_prompt("[[ready after=0.3]]")
    body = {"prompt": prompt, "seconds": "5", "size": "1280x720"}
    request = gateway.session.post(f"{gateway.url}{VIDEOS}/sync", json=body)
    asking = asyncio.create_task(request.__aenter__())
    await until(lambda: gateway.was_accepted(prompt))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await soon(lambda: [row["caller"] for row in gateway.rows(prompt)] == ["gone"])
    reply = await gateway.call("POST", GENERATIONS, json={"prompt": prompt, **SHORT})
    assert (reply.attached, reply.body["status"]) == (True, "COMPLETED")
    assert len(await gateway.submits(prompt)) == 1
