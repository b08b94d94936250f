"""One request in, one finished video out."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path

import av
import pytest

from reelgate.providers.imagine.build import SANDBOX_ORG
from tests.gateway import GENERATIONS, Gateway, a_gateway, a_prompt, submitted_parts

pytestmark = pytest.mark.both_databases

SPECIFICATION_EXAMPLE = """\
curl -X POST "http://localhost:8000/v1/imagine-text-to-video/generations" \\
  -H "Content-Type: application/json" \\
  -d '{"prompt": "cat eating hotdogs in a park", "aspect_ratio": "16:9", "duration": 5,\
 "resolution": "720p",
       "style_id": 60503, "is_enhance": true}'
"""


async def test_the_answer_is_the_specified_one_and_the_video_plays(gateway: Gateway) -> None:
    prompt = a_prompt()
    reply = await gateway.generate(prompt)
    [job] = await gateway.accepted(prompt)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body == {
        "id": job["id"],
        "status": "COMPLETED",
        "video_url": f"{gateway.url}/sandbox/processed/{job['id']}",
        "batch_id": job["batch_id"],
    }
    assert reply.video.startswith("video_")
    assert not reply.attached
    async with gateway.session.get(reply.body["video_url"]) as response:
        assert response.content_type == "video/mp4"
        assert seconds_of(await response.read()) == pytest.approx(5, abs=0.1)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_the_specification_s_own_example_works_verbatim(gateway: Gateway) -> None:
    """Only the port differs: the tests must not depend on port 8000 being free."""
    there = gateway.url.removeprefix("http://")
    curl = await asyncio.create_subprocess_shell(
        SPECIFICATION_EXAMPLE.replace("localhost:8000", there), stdout=PIPE, stderr=PIPE
    )
    output, _ = await curl.communicate()
    answer = json.loads(output)
    assert curl.returncode == 0
    assert list(answer) == ["id", "status", "video_url", "batch_id"]
    assert answer["status"] == "COMPLETED"


async def test_what_is_left_out_takes_the_specified_defaults(gateway: Gateway) -> None:
    prompt = a_prompt()
    reply = await gateway.call("POST", GENERATIONS, json={"prompt": prompt})
    assert reply.status == 200
    [job] = await gateway.accepted(prompt)
    assert job["clip"]["duration_s"] == 12
    assert job["clip"]["width_px"] > job["clip"]["height_px"]


async def test_the_submit_has_every_part_that_the_upstream_expects(tmp_path: Path) -> None:
    parts = await submitted_parts(tmp_path, {"prompt": "a cat & a dog, köstlich 🌭"})
    metadata = json.loads(parts.pop("metadata"))
    assert parts == {
        "prompt": "a cat & a dog, köstlich 🌭",
        "style_id": "60503",
        "variation": "text_to_video",
        "aspect_ratio": "16:9",
        "count": "1",
        "duration": "12",
        "resolution": "1080p",
        "org_id": SANDBOX_ORG,
        "is_enhance": "1",
        "enhancer_id": "seedance_t2v_prompt_enhancer",
        "clientVersion": "1",
        "use_plugin": "true",
    }
    assert metadata.pop("placeholderUuid")
    assert metadata == {"promptWithoutManipulation": "a cat & a dog, köstlich 🌭", "modeId": 0}


async def test_what_is_asked_for_reaches_the_upstream(tmp_path: Path) -> None:
    asked = {
        "prompt": "a dog",
        "aspect_ratio": "9:16",
        "duration": 6,
        "resolution": "720p",
        "style_id": 7,
        "is_enhance": False,
    }
    parts = await submitted_parts(tmp_path, asked)
    expected = {"aspect_ratio": "9:16", "duration": "6", "resolution": "720p", "style_id": "7"}
    assert expected.items() <= parts.items()
    assert parts["is_enhance"] == "0"


async def test_any_other_model_is_asked_the_same_way(gateway: Gateway) -> None:
    prompt = a_prompt("[[ready after=0]]")
    reply = await gateway.call("POST", "/v1/veo-3.1/generations", json={"prompt": prompt})
    [job] = await gateway.accepted(prompt)
    assert (reply.status, reply.body["id"]) == (200, job["id"])
    assert job["clip"]["duration_s"] == 6


async def test_a_model_that_takes_nothing_but_a_prompt_is_sent_nothing_else(
    tmp_path: Path,
) -> None:
    parts = await submitted_parts(tmp_path, {"prompt": "a cat"}, model="wan-2.2")
    assert set(parts) == {"prompt", "style_id", "variation", "count", "org_id"}
    assert parts["style_id"] == "22701"


async def test_four_identical_callers_at_once_get_four_videos(gateway: Gateway) -> None:
    prompt = a_prompt()
    replies = await asyncio.gather(*(gateway.generate(prompt) for _ in range(4)))
    assert [reply.status for reply in replies] == [200] * 4
    assert len({reply.body["id"] for reply in replies}) == 4
    assert len({reply.video for reply in replies}) == 4
    assert len(await gateway.accepted(prompt)) == 4


async def test_an_answered_request_asked_again_is_a_new_video(gateway: Gateway) -> None:
    prompt = a_prompt()
    first = await gateway.generate(prompt)
    second = await gateway.generate(prompt)
    assert not second.attached
    assert second.body["id"] != first.body["id"]


async def test_the_video_url_is_the_public_one(tmp_path: Path, sandbox_url: str) -> None:
    public = "https://videos.example"
    async with a_gateway(tmp_path, sandbox_url, public_url=public) as gateway:
        reply = await gateway.generate(a_prompt())
    assert reply.body["video_url"] == f"{public}/sandbox/processed/{reply.body['id']}"


def seconds_of(file: bytes) -> float:
    with av.open(io.BytesIO(file), "r") as movie:
        return float(movie.duration or 0) / av.time_base
