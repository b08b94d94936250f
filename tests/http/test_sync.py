"""`POST /v1/videos/sync`: the bytes themselves, or why there are none."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import aiohttp
import av
import pytest

from tests.gateway import a_prompt

from .jobs import NEVER, READY_AT_ONCE, SHORT, VIDEOS, JobsGateway, a_jobs_gateway, is_refused

SYNC = f"{VIDEOS}/sync"


async def test_the_answer_is_the_video(gateway: JobsGateway) -> None:
    body = {"prompt": a_prompt("[[ready after=0.3]]"), **SHORT}
    async with gateway.session.post(gateway.url + SYNC, json=body) as response:
        content = await response.read()
        headers = response.headers
    assert (response.status, response.content_type) == (200, "video/mp4")
    assert headers["X-Model"] == "imagine-text-to-video"
    assert 0.3 <= float(headers["X-Inference-Time-S"]) < 30
    assert headers["X-Request-Id"]
    with av.open(io.BytesIO(content), "r") as movie:
        assert float(movie.duration or 0) / av.time_base == pytest.approx(5, abs=0.1)
    kept = await gateway.session.get(
        f"{gateway.url}{VIDEOS}/{headers['Reelgate-Video-Id']}/content"
    )
    assert await kept.read() == content


async def test_a_form_is_read_too_and_a_range_or_condition_means_nothing(
    gateway: JobsGateway,
) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in {"prompt": a_prompt(READY_AT_ONCE), **SHORT}.items():
        form.add_field(name, value)
    headers = {"Range": "bytes=0-9", "If-None-Match": "*"}
    async with gateway.session.post(gateway.url + SYNC, data=form, headers=headers) as response:
        assert response.status == 200
        assert len(await response.read()) == int(response.headers["Content-Length"]) > 10


async def test_without_keeping_the_bytes_come_from_upstream(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_jobs_gateway(tmp_path, sandbox_url, keep="off") as gateway:
        body = {"prompt": a_prompt(READY_AT_ONCE), **SHORT}
        async with gateway.session.post(gateway.url + SYNC, json=body) as response:
            assert response.status == 200
            assert (await response.read())[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("[[402]]", 402, "insufficient_credits"),
        ("[[fail after=0]]", 502, "upstream_failed"),
        ("[[reset-after]]", 502, "submission_unknown"),
    ],
)
async def test_a_failure_is_an_error(
    gateway: JobsGateway, fault: str, status: int, code: str
) -> None:
    reply = await gateway.call("POST", SYNC, json={"prompt": a_prompt(fault), **SHORT})
    assert is_refused(reply, status, code)
    assert reply.video.startswith("video_")


async def test_after_the_wait_the_same_request_joins_the_job(
    tmp_path: Path, sandbox_url: str
) -> None:
    prompt = a_prompt("[[ready after=1]]")
    body = {"prompt": prompt, **SHORT}
    async with a_jobs_gateway(tmp_path, sandbox_url, wait_limit_s=0.2) as gateway:
        early = await gateway.call("POST", SYNC, json=body)
        assert is_refused(early, 504, "upstream_timeout")
        assert "at no cost" in early.body["detail"]
        assert int(early.headers["Retry-After"]) > 0
        await gateway.reached(early.video, "completed")
        async with gateway.session.post(gateway.url + SYNC, json=body) as response:
            assert response.status == 200
            assert response.headers["Reelgate-Attached"] == "true"
            await response.read()
        assert len(await gateway.submits(prompt)) == 1


async def test_what_is_wrong_is_refused_before_anything_is_sent(gateway: JobsGateway) -> None:
    refused = await gateway.call("POST", SYNC, json={"prompt": a_prompt(), "seconds": "7"})
    assert is_refused(refused, 422, "invalid_request", "duration")


async def test_identical_callers_at_once_get_a_video_each(gateway: JobsGateway) -> None:
    prompt = a_prompt("[[ready after=0.3]]")

    async def ask() -> str:
        body = {"prompt": prompt, **SHORT}
        async with gateway.session.post(gateway.url + SYNC, json=body) as response:
            assert response.status == 200
            await response.read()
            return response.headers["Reelgate-Video-Id"]

    assert len(set(await asyncio.gather(*(ask() for _ in range(3))))) == 3
    assert len(await gateway.accepted(prompt)) == 3


async def test_a_silent_model_name_is_not_guessed(gateway: JobsGateway) -> None:
    refused = await gateway.call("POST", SYNC, json={"prompt": a_prompt(NEVER), "model": "x"})
    assert is_refused(refused, 404, "model_not_found", "model")
