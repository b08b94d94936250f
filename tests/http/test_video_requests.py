"""What `POST /v1/videos` reads: JSON and forms, both spellings, and what it refuses by name."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.gateway import Reply, a_prompt

from .jobs import NEVER, SHORT, VIDEOS, JobsGateway, is_refused

MEGABYTE = b"x" * 1_000_000


def form(**fields: str) -> aiohttp.FormData:
    """A multipart form, as OpenAI's SDKs send it."""
    data = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        data.add_field(name, value)
    return data


async def post(gateway: JobsGateway, data: aiohttp.FormData) -> Reply:
    return await gateway.submit_form(data)


async def test_json_and_form_make_the_same_video(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    by_json = (await gateway.create(prompt, is_enhance=False, style_id=7)).body
    fields = {"prompt": prompt, **SHORT, "is_enhance": "false", "style_id": "7"}
    by_form = (await post(gateway, form(**fields))).body
    for name in ("model", "seconds", "size", "prompt", "status", "error"):
        assert by_json[name] == by_form[name]
    first, second = gateway.rows(prompt)
    assert first["request"] == second["request"]


async def test_the_new_object_has_every_field_of_openai_s(gateway: JobsGateway) -> None:
    prompt = a_prompt(NEVER)
    video = await gateway.created(prompt)
    told = {name: video[name] for name in ("object", "model", "prompt", "seconds", "size")}
    assert told == {
        "object": "video",
        "model": "imagine-text-to-video",
        "prompt": prompt,
        "seconds": "5",
        "size": "1280x720",
    }
    assert video["id"].startswith("video_")
    assert (video["status"], video["progress"]) == ("queued", 0)
    empty = ("completed_at", "expires_at", "error", "remixed_from_video_id")
    assert [video[name] for name in empty] == [None] * 4
    assert video["reelgate"]["video_url"].endswith(f"{VIDEOS}/{video['id']}/content")


@pytest.mark.parametrize("seconds", ["5", 5])
async def test_both_spellings_say_the_same(gateway: JobsGateway, seconds: object) -> None:
    prompt = a_prompt(NEVER)
    frame = {"aspect_ratio": "9:16", "resolution": "720p"}
    for fields in (
        {"seconds": seconds, "size": "720x1280"},
        {"duration": seconds, **frame},
        {"seconds": seconds, "duration": 5, **frame},
    ):
        reply = await gateway.call("POST", VIDEOS, json={"prompt": prompt, **fields})
        assert reply.status == 200, reply
        assert (reply.body["seconds"], reply.body["size"]) == ("5", "720x1280")
    assert len({row["request"] for row in gateway.rows(prompt)}) == 1


async def test_seconds_may_be_left_to_a_model_that_chooses(gateway: JobsGateway) -> None:
    body = {"prompt": a_prompt(NEVER), "model": "seedance-2.0", "seconds": "auto"}
    video = (await gateway.call("POST", VIDEOS, json=body)).body
    assert video["seconds"] == "auto"
    refused = await gateway.create(a_prompt(), seconds="auto")
    assert is_refused(refused, 422, "invalid_request", "duration")
    assert "5, 6, 12" in refused.body["detail"]


async def test_metadata_comes_back_from_json_and_from_every_spelling_of_a_form(
    gateway: JobsGateway,
) -> None:
    metadata = {"order": "12", "customer_ref": "köstlich"}
    fields = {"prompt": a_prompt(NEVER), **SHORT}
    listed = {f"metadata[{name}]": value for name, value in metadata.items()}
    for reply in (
        await gateway.create(a_prompt(NEVER), metadata=metadata),
        await post(gateway, form(**fields, metadata=json.dumps(metadata))),
        await post(gateway, form(**fields, **listed)),
    ):
        assert reply.body["metadata"] == metadata
        assert (await gateway.show(reply.body["id"]))["metadata"] == metadata


WRONG: tuple[tuple[str, dict[str, Any], int, str], ...] = (
    ("an unknown field", {"colour": 42}, 422, "colour"),
    ("OpenAI's field of another API", {"n": 2}, 422, "n"),
    ("7 seconds", {"seconds": "7"}, 422, "duration"),
    ("half a second", {"seconds": 5.5}, 422, "seconds"),
    ("seconds in words", {"seconds": "five"}, 422, "seconds"),
    ("seconds with a sign", {"seconds": "+5"}, 422, "seconds"),
    ("seconds as true", {"seconds": True}, 422, "seconds"),
    ("seconds in another script", {"seconds": "\u0665"}, 422, "seconds"),
    ("more digits than fit", {"seconds": "9" * 5000}, 422, "seconds"),
    ("two durations", {"duration": 6}, 422, "seconds"),
    ("a frame said twice", {"aspect_ratio": "16:9"}, 422, "size"),
    ("a size nobody makes", {"size": "1x1"}, 422, "size"),
    ("an empty size", {"size": ""}, 422, "size"),
    ("a prompt of blanks", {"prompt": "  "}, 422, "prompt"),
    ("half a character in the prompt", {"prompt": "a \ud83c cat"}, 422, "prompt"),
    ("half a character in the size", {"size": "\ud83c"}, 422, "size"),
    ("half a character in the metadata", {"metadata": {"a": "\ud83c"}}, 422, "metadata"),
    ("half a character in a metadata key", {"metadata": {"\ud83c": "a"}}, 422, "metadata"),
    ("metadata that is a list", {"metadata": ["a"]}, 422, "metadata"),
    ("metadata of a number", {"metadata": {"a": 1}}, 422, "metadata"),
    ("a long metadata value", {"metadata": {"a": "x" * 513}}, 422, "metadata"),
    ("17 metadata", {"metadata": {str(n): "x" for n in range(17)}}, 422, "metadata"),
    ("a style that is true", {"style_id": True}, 422, "style_id"),
    ("a model that is a number", {"model": 5}, 422, "model"),
)


async def test_what_is_wrong_is_refused_by_its_name(gateway: JobsGateway) -> None:
    for name, fields, status, param in WRONG:
        reply = await gateway.create(**{"prompt": a_prompt(), **fields})
        assert is_refused(reply, status, "invalid_request", param), name
    assert (await gateway.call("GET", VIDEOS)).body["data"] == []


async def test_a_model_that_does_not_exist_is_told_with_those_that_do(
    gateway: JobsGateway,
) -> None:
    for model in ("sora-3", "\ud83c", ""):
        reply = await gateway.create(a_prompt(), model=model)
        assert is_refused(reply, 404, "model_not_found", "model")
        assert "veo-3.1" in reply.body["detail"]


@pytest.mark.parametrize(
    "body",
    [b'{"prompt": "a cat"', b"prompt=a cat", b'{"prompt": "\xff"}', b"[" * 100_000, b""],
    ids=["cut off", "no JSON", "no UTF-8", "too deep", "nothing"],
)
async def test_a_body_that_cannot_be_read_is_malformed(gateway: JobsGateway, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    reply = await gateway.call("POST", VIDEOS, data=body, headers=headers)
    assert is_refused(reply, 400, "invalid_request")


async def test_a_form_s_mistakes_are_named_too(gateway: JobsGateway) -> None:
    prompt = a_prompt()
    no_prompt = await post(gateway, form(**SHORT))
    assert is_refused(no_prompt, 422, "invalid_request", "prompt")
    unknown = await post(gateway, form(prompt=prompt, colour="42"))
    assert is_refused(unknown, 422, "invalid_request", "colour")
    indexed = await post(gateway, form(prompt=prompt, **{"prompt[a]": "b"}))
    assert is_refused(indexed, 422, "invalid_request", "prompt[a]")
    both = await post(gateway, form(prompt=prompt, metadata="[1]", **{"metadata[a]": "b"}))
    assert is_refused(both, 422, "invalid_request", "metadata")
    no_json = await post(gateway, form(prompt=prompt, metadata="{"))
    assert is_refused(no_json, 400, "invalid_request", "metadata")
    wrong_file = form(prompt=prompt)
    wrong_file.add_field("video", b"x", filename="cat.mp4")
    assert is_refused(await post(gateway, wrong_file), 422, "invalid_request", "video")
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    torn = await gateway.call("POST", VIDEOS, data=b"--b\r\nnot a form", headers=headers)
    assert is_refused(torn, 400, "invalid_request")


async def test_60_mb_are_refused_without_being_read(gateway: JobsGateway) -> None:
    """The answer comes before the body has been sent."""
    sent_bytes = 0

    async def picture() -> AsyncIterator[bytes]:
        nonlocal sent_bytes
        for _ in range(60):
            sent_bytes += len(MEGABYTE)
            yield MEGABYTE

    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(60 * len(MEGABYTE)),
    }
    async with gateway.session.post(gateway.url + VIDEOS, data=picture(), headers=headers) as reply:
        body = await reply.json(content_type=None)
    assert (reply.status, body["error"]["code"]) == (413, "request_too_large")
    assert sent_bytes < 30 * len(MEGABYTE)


async def test_a_json_body_has_a_limit_of_its_own(gateway: JobsGateway) -> None:
    reply = await gateway.create("x" * 1_010_000)
    assert is_refused(reply, 413, "request_too_large")


async def test_a_body_of_another_type_is_not_read(gateway: JobsGateway) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await gateway.call("POST", VIDEOS, data=b"prompt=a+cat", headers=headers)
    assert is_refused(reply, 415, "unsupported_media")
