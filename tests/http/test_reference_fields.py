"""References in both request shapes, as JSON and as forms, and what a model cannot honour."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest

from reelgate.domain.fields import LAST_FRAME, Medium, references
from reelgate.domain.reference import Kind
from reelgate.providers.imagine import models
from tests.gateway import Reply, a_prompt
from tests.images.pictures import a_data_url, a_picture

from .jobs import NEVER, VIDEOS, JobsGateway, a_jobs_gateway, is_refused

MODEL = "kling-o3"
SEED_MODEL = "imagine-text-to-video"
TAKES = (
    LAST_FRAME,
    references(Medium(Kind.IMAGE, 3), Medium(Kind.VIDEO, 1), Medium(Kind.AUDIO, 1)),
)
PICTURES = [a_picture(colour=colour) for colour in range(4)]
SOUND = b"ID3\x04 a sound"
FIRST, LAST, *OTHERS = PICTURES
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
async def gateway(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sandbox_url: str
) -> AsyncIterator[JobsGateway]:
    """A gateway with one model that takes every kind of reference."""
    rows = [
        replace(row, takes_reference=row.takes_reference, own=TAKES) if row.id == MODEL else row
        for row in models.ROWS
    ]
    monkeypatch.setattr(models, "ROWS", tuple(rows))
    async with a_jobs_gateway(tmp_path, sandbox_url) as running:
        yield running


async def send(gateway: JobsGateway, path: str, body: object) -> Reply:
    """A request as JSON, or as a form."""
    told = {"data" if isinstance(body, aiohttp.FormData) else "json": body}
    async with gateway.session.post(gateway.url + path, headers=ASYNC, **told) as response:  # type: ignore[arg-type]
        return Reply(response.status, response.headers, await response.text())


def held(gateway: JobsGateway, prompt: str) -> list[tuple[str, str, str]]:
    """Kind, role and digest of each reference in the one job of this prompt."""
    [row] = gateway.rows(prompt)
    told = json.loads(row["request"])
    first = [("image", "first_frame", told["reference_digest"])] if told["reference_url"] else []
    later = told.get("references", [])
    return first + [(each["kind"], each["role"], each["digest"]) for each in later]


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def a_form(prompt: str, *parts: tuple[str, bytes | str]) -> aiohttp.FormData:
    form = aiohttp.FormData({"prompt": prompt}, default_to_multipart=True)
    for name, content in parts:
        if isinstance(content, bytes):
            form.add_field(name, content, filename="a.bin")
        else:
            form.add_field(name, content)
    return form


BLOCKING = f"/v1/{MODEL}/generations"


@pytest.mark.parametrize("path", [VIDEOS, BLOCKING])
async def test_both_shapes_hold_every_reference_as_json_and_as_a_form(
    gateway: JobsGateway, path: str
) -> None:
    by_json, by_form = a_prompt(NEVER), a_prompt(NEVER)
    body = {
        "prompt": by_json,
        "input_references": [
            {"image_url": a_data_url(OTHERS[0])},
            {"audio_url": a_data_url(SOUND, "audio/mpeg")},
            {"image_url": a_data_url(LAST), "role": "last_frame"},
        ],
        "first_frame": {"image_url": a_data_url(FIRST)},
    }
    form = a_form(
        by_form,
        ("input_references[]", OTHERS[0]),
        ("input_references", a_data_url(SOUND, "audio/mpeg")),
        ("last_frame", LAST),
        ("input_reference", FIRST),
    )
    if path is VIDEOS:
        body["model"] = MODEL
        form.add_field("model", MODEL)
    for told in (body, form):
        reply = await send(gateway, path, told)
        assert reply.status in {200, 202}, reply
    assert (
        held(gateway, by_json)
        == held(gateway, by_form)
        == [
            ("image", "first_frame", digest(FIRST)),
            ("image", "last_frame", digest(LAST)),
            ("image", "reference", digest(OTHERS[0])),
            ("audio", "reference", digest(SOUND)),
        ]
    )


async def test_the_blocking_shape_may_tell_a_bare_address(gateway: JobsGateway) -> None:
    by_json, by_form = a_prompt(NEVER), a_prompt(NEVER)
    await send(gateway, BLOCKING, {"prompt": by_json, "image_url": a_data_url(FIRST)})
    await send(gateway, BLOCKING, a_form(by_form, ("image_url", FIRST), ("duration", "5")))
    for prompt in (by_json, by_form):
        assert held(gateway, prompt) == [("image", "first_frame", digest(FIRST))]
    refused = await send(
        gateway, f"/v1/{SEED_MODEL}/generations", {"prompt": "a cat", "image_url": "https://a.io/b"}
    )
    assert is_refused(refused, 422, "invalid_request", "image_url")
    assert "takes no image_url" in refused.body["detail"]


DATA = {"image_url": a_data_url(FIRST)}
WRONG: tuple[tuple[dict[str, object], str, str], ...] = (
    ({"input_reference": DATA, "first_frame": DATA}, "input_reference", "the same thing"),
    ({"input_references": [DATA] * 4}, "input_references", "up to 3 pictures"),
    ({"input_references": [DATA | {"video_url": "https://a.io/b"}]}, "input_references", "takes a"),
    ({"input_references": [{"file_id": "f"}]}, "input_references", "file_id"),
    ({"input_references": [DATA] * 17}, "input_references", "16"),
    ({"input_references": [{"video_url": a_data_url(FIRST)}]}, "input_references", "is not an MP4"),
    (
        {"input_references": [DATA, {"image_url": "ftp://a.io/b"}]},
        "input_references[1]",
        "input_references[1]",
    ),
    ({"last_frame": DATA}, "last_frame", "needs input_reference"),
    ({"last_frame": {"image_url": 5}}, "last_frame", "valid string"),
    ({"strict": "no"}, "strict", "boolean"),
)


async def test_what_cannot_be_used_is_refused_by_name_and_nothing_is_made(
    gateway: JobsGateway,
) -> None:
    for fields, param, why in WRONG:
        reply = await send(gateway, VIDEOS, {"prompt": a_prompt(NEVER), "model": MODEL} | fields)
        assert (reply.status, reply.body["error"]["param"]) == (422, param), reply.text
        assert why in reply.body["detail"]
    two = a_form("a cat", ("last_frame", LAST), ("last_frame", LAST), ("model", MODEL))
    assert is_refused(await send(gateway, VIDEOS, two), 422, "invalid_request", "last_frame")
    other = a_form("a cat", ("metadata", FIRST))
    assert is_refused(await send(gateway, VIDEOS, other), 422, "invalid_request", "metadata")
    assert (await gateway.call("GET", VIDEOS)).body["data"] == []


async def test_what_a_model_cannot_honour_is_left_out_and_told_where_that_is_allowed(
    gateway: JobsGateway,
) -> None:
    prompt = a_prompt("[[ready after=0]]")
    plain = {"prompt": prompt, "duration": 5, "resolution": "720p"}
    more = plain | {"seed": 7, "audio": True, "image_url": a_data_url(FIRST), "duration": 7}
    path = f"/v1/{SEED_MODEL}/generations"
    strict = await gateway.call("POST", path, json=more)
    assert {each["param"] for each in strict.body["errors"]} == {
        *("seed", "audio", "image_url", "duration")
    }
    reply = await gateway.call("POST", path, json=more | {"strict": False, "duration": 5})
    assert reply.body["status"] == "COMPLETED"
    told = {each["param"]: each["message"] for each in reply.body["warnings"]}
    assert told == {
        "seed": f"seed was left out: {SEED_MODEL} takes no seed",
        "audio": f"audio was left out: {SEED_MODEL} takes no audio",
        "image_url": f"image_url was left out: {SEED_MODEL} takes no image_url",
    }
    assert held(gateway, prompt) == []
    video = await gateway.show(reply.headers["Reelgate-Video-Id"])
    assert video["reelgate"]["warnings"] == reply.body["warnings"]
    # The same video as without them: a finished one of the plain request will do.
    again = await gateway.call("POST", path, json=plain, headers={"Cache-Control": "max-age=60"})
    assert again.headers["Reelgate-Video-Id"] == video["id"]
    form = a_form(a_prompt(NEVER), ("strict", "False"), ("seconds", "7"))
    lenient = await send(gateway, VIDEOS, form)
    assert lenient.body["seconds"] == "12"
    assert [each["param"] for each in lenient.body["reelgate"]["warnings"]] == ["duration"]
