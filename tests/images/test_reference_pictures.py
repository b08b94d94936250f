"""Reference pictures on their way through a real gateway to the sandbox."""

from __future__ import annotations

import asyncio
import io
import json
from hashlib import sha256

import pytest
from aiohttp import FormData, web
from openai import AsyncOpenAI

from tests.gateway import Gateway, Reply, a_prompt, soon
from tests.http_servers import replying, serving

from .pictures import MODEL, a_data_url, a_picture, ask, send_form, sent, uploads


async def send_file(
    gateway: Gateway, prompt: str, content: bytes, key: str = "", **fields: str
) -> Reply:
    """Ask for a video as OpenAI's SDKs do: by a form with the file in it."""
    form = FormData({"prompt": prompt, "model": MODEL, **fields})
    file = io.BytesIO(content)
    form.add_field("input_reference", file, filename="a.bin", content_type="text/html")
    return await send_form(gateway, form, **({"Idempotency-Key": key} if key else {}))


def stored(gateway: Gateway, prompt: str) -> dict[str, str]:
    """The request as it stands in the database."""
    (row,) = gateway.rows(prompt)
    request: dict[str, str] = json.loads(row["request"])
    return request


async def submitted(gateway: Gateway, prompt: str) -> dict[str, object]:
    """The job as the sandbox has it, once it has it."""
    await soon(lambda: gateway.rows(prompt)[0]["state"] == "completed")
    (job,) = await gateway.accepted(prompt)
    return dict(job)


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp"])
async def test_a_file_is_uploaded_as_what_it_is_and_the_video_starts_from_it(
    gateway: Gateway, media_type: str
) -> None:
    prompt, picture = a_prompt(), a_picture(media_type)
    reply = await send_file(gateway, prompt, picture)
    assert reply.status == 200, reply.text
    request = stored(gateway, prompt)
    assert request["reference_digest"] == sha256(picture).hexdigest()
    async with gateway.session.get(request["reference_url"]) as kept:
        assert (kept.content_type, await kept.read()) == (media_type, picture)
    assert (await submitted(gateway, prompt))["variation"] == "image_to_video"


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
async def test_the_openai_sdk_sends_a_picture_either_way(lenient: Gateway) -> None:
    picture = a_picture()
    async with (
        AsyncOpenAI(api_key="none", base_url=f"{lenient.url}/v1", max_retries=0) as client,
        serving(replying(200, picture, **{"Content-Type": "image/png"})) as host,
    ):
        first = await client.videos.create(
            prompt=a_prompt(), model="sora-2", input_reference=("a.png", picture, "image/png")
        )
        second = await client.videos.create(
            prompt=a_prompt(),
            model="sora-2",
            extra_body={"input_reference": {"image_url": f"{host}/a.png"}},
        )
    assert {first.status, second.status} == {"queued"}
    assert len(await uploads(lenient)) == 1


async def test_a_data_url_holds_the_picture_itself(gateway: Gateway) -> None:
    prompt, picture = a_prompt(), a_picture("image/jpeg")
    reply = await ask(gateway, prompt, {"image_url": a_data_url(picture)})
    assert reply.status == 200, reply.text
    assert stored(gateway, prompt)["reference_digest"] == sha256(picture).hexdigest()


async def test_a_picture_at_an_address_is_fetched_by_the_gateway(lenient: Gateway) -> None:
    prompt, picture = a_prompt(), a_picture("image/webp")
    seen: list[str | None] = []

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers.get("User-Agent"))
        return web.Response(body=picture, content_type="application/octet-stream")

    async with serving(serve) as host:
        reply = await ask(lenient, prompt, {"image_url": f"{host}/cat"})
    assert reply.status == 200, reply.text
    assert len(seen) == 1
    assert (seen[0] or "").startswith("reelgate/")
    assert stored(lenient, prompt)["reference_digest"] == sha256(picture).hexdigest()


async def test_a_retry_under_the_same_key_finds_its_job_and_uploads_nothing_again(
    gateway: Gateway,
) -> None:
    prompt, picture = a_prompt(), a_picture()
    asking = (send_file(gateway, prompt, picture, key=prompt) for _ in range(10))
    replies = await asyncio.gather(*asking)
    again = await send_file(gateway, prompt, picture, key=prompt)
    assert {reply.status for reply in [*replies, again]} == {200}
    assert {reply.body["id"] for reply in replies} == {again.body["id"]}
    assert len(await uploads(gateway)) == 1


async def test_another_picture_under_the_same_key_is_another_request(gateway: Gateway) -> None:
    prompt = a_prompt()
    first = await send_file(gateway, prompt, a_picture(colour=1), key=prompt)
    other = await send_file(gateway, prompt, a_picture(colour=2), key=prompt)
    assert (first.status, other.status, other.code) == (200, 422, "idempotency_mismatch")


BAD = {
    "text": {"image_url": a_data_url(b"<html>not a picture</html>")},
    "gif": {"image_url": a_data_url(a_picture("image/gif"))},
    "empty data": {"image_url": "data:image/png;base64,"},
    "no comma": {"image_url": "data:image/png;base64"},
    "broken base64": {"image_url": "data:image/png;base64,%%%"},
    "another scheme": {"image_url": "ftp://example.com/a.png"},
    "a host with an endless label": {"image_url": f"http://{'a' * 64}.com/"},
    "a local file": {"image_url": "file:///etc/passwd"},
    "a file that we keep": {"image_url": f"kept:reference-{'0' * 64}-00000000.png"},
    "a file of a form that is none": {"image_url": "upload:0"},
    "loopback": {"image_url": "http://127.0.0.1:1/a.png"},
    "loopback in hexadecimal": {"image_url": "http://0x7f000001/a.png"},
    "metadata service": {"image_url": "http://169.254.169.254/latest/meta-data/"},
    "a name of this machine": {"image_url": "http://localhost/a.png"},
    "a stored file": {"file_id": "file-abc"},
    "an unknown field": {"image_url": "https://example.com/a.png", "detail": "high"},
    "an empty object": {},
    "a bare text": "https://example.com/a.png",
    "a number": {"image_url": 7},
}


@pytest.mark.parametrize("reference", BAD.values(), ids=BAD.keys())
async def test_what_is_no_usable_picture_is_refused_by_name_and_nothing_is_sent_upstream(
    gateway: Gateway, reference: object
) -> None:
    reply = await ask(gateway, a_prompt(), reference)
    assert (reply.status, reply.code) == (422, "invalid_request")
    assert reply.body["error"]["param"] == "input_reference"
    assert "input_reference" in reply.body["detail"]
    assert await sent(gateway) == []


async def test_a_file_id_is_refused_in_words_that_help(gateway: Gateway) -> None:
    reply = await ask(gateway, a_prompt(), {"file_id": "file-abc"})
    assert "file_id" in reply.body["detail"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "imagine-text-to-video"}, "input_reference"),
        ({"seconds": "99"}, "duration"),
        ({"style_id": 7}, "style_id"),
        ({"aspect_ratio": "2:1"}, "aspect_ratio"),
    ],
)
async def test_a_request_that_is_wrong_elsewhere_fetches_and_uploads_nothing(
    lenient: Gateway, fields: dict[str, object], param: str
) -> None:
    asked: list[str] = []

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(body=a_picture())

    async with serving(serve) as host:
        reply = await ask(lenient, a_prompt(), {"image_url": f"{host}/a.png"}, **fields)
    assert (reply.status, reply.body["error"]["param"]) == (422, param)
    assert asked == []
    assert await sent(lenient) == []


async def test_a_picture_sent_as_file_and_as_address_at_once_is_refused(gateway: Gateway) -> None:
    form = FormData({"prompt": "a cat", "model": MODEL})
    form.add_field("input_reference[image_url]", "https://example.com/a.png")
    form.add_field("input_reference", a_picture(), filename="a.png")
    reply = await send_form(gateway, form)
    assert (reply.status, reply.body["error"]["param"]) == (422, "input_reference")


@pytest.mark.parametrize("size_bytes", [20_000_001, 60_000_000])
async def test_a_picture_that_is_too_large_is_refused_with_413(
    gateway: Gateway, size_bytes: int
) -> None:
    reply = await send_file(gateway, a_prompt(), a_picture() + bytes(size_bytes))
    assert (reply.status, reply.code) == (413, "request_too_large")
    assert await sent(gateway) == []


async def test_the_hosts_faults_are_told_as_the_pictures(lenient: Gateway) -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(400):
            await response.write(bytes(100_000))
        return response

    announced = replying(200, bytes(20_000_001))
    moved = replying(302, Location="http://169.254.169.254/")
    for handler, words in (
        (replying(404), "HTTP 404"),
        (moved, "redirects"),
        (replying(200, b"<html>"), "not a PNG, JPEG or WebP"),
        (announced, "larger than"),
        (endless, "larger than"),
    ):
        async with serving(handler) as host:
            reply = await ask(lenient, a_prompt(), {"image_url": f"{host}/a.png"})
        assert (reply.status, reply.body["error"]["param"]) == (422, "input_reference")
        assert words in reply.body["detail"]
    gone = await ask(lenient, a_prompt(), {"image_url": "http://127.0.0.1:1/a.png"})
    assert "connection" in gone.body["detail"]
    assert await sent(lenient) == []


async def test_an_upload_that_the_upstream_refuses_makes_no_job_and_is_tried_anew(
    gateway: Gateway,
) -> None:
    prompt, picture = a_prompt(), a_picture()
    fault = {"operation": "upload", "fault": "503", "times": 1}
    async with gateway.session.post(f"{gateway.sandbox_url}/_sandbox/faults", json=fault) as armed:
        assert armed.status < 300, await armed.text()
    refused = await send_file(gateway, prompt, picture)
    assert refused.status == 502
    assert gateway.rows(prompt) == []
    assert (await send_file(gateway, prompt, picture)).status == 200
