from __future__ import annotations

import json

import pytest
from aiohttp import web

from reelgate.domain.picture import Picture
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import (
    InsufficientCredits,
    InvalidRequest,
    RateLimited,
    UpstreamError,
    UpstreamUnauthorized,
)
from reelgate.net.client import HttpClient
from reelgate.providers.api import ApiAccount
from reelgate.providers.base import Ended, Failed
from reelgate.providers.gemini.adapter import Gemini, download_address
from reelgate.providers.gemini.models import ROWS, rows_with
from tests.http_servers import replying, serving

PNG = Picture(b"\x89PNG\r\n\x1a\n", "image/png")
OPERATION = "models/veo-3.1-generate-preview/operations/op1"
MODEL = ROWS[0].model("gemini")


def a_gemini(http: HttpClient, url: str = "https://gemini.example") -> Gemini:
    return Gemini(http, ApiAccount("gemini", url, "not-a-key"), rows_with(["veo-9"]))


def a_picture(role: Role) -> Reference:
    return Reference(Kind.IMAGE, role, f"kept:{role}", "ab")


def test_pictures_go_along_in_the_places_for_their_roles(http: HttpClient) -> None:
    frames = (a_picture(Role.FIRST_FRAME), a_picture(Role.LAST_FRAME))
    request = MODEL.request(prompt="a cat", references=frames, negative_prompt="a dog")
    pictures = {each.url: PNG for each in frames}
    call = a_gemini(http).submit_call(
        request, marker="m", pictures=pictures, push_url="https://me.example/push"
    )
    image = {"bytesBase64Encoded": "iVBORw0KGgo=", "mimeType": "image/png"}
    assert call.path == "models/veo-3.1-generate-preview:predictLongRunning"
    assert call.json == {
        "instances": [{"prompt": "a cat", "image": image, "lastFrame": image}],
        "parameters": {
            "aspectRatio": "16:9",
            "durationSeconds": 8,
            "resolution": "720p",
            "negativePrompt": "a dog",
        },
        "webhookConfig": {"uris": ["https://me.example/push"]},
    }


def test_what_the_models_cannot_honour_is_refused_before_anything_is_paid() -> None:
    reference = (a_picture(Role.REFERENCE),)
    for said, references in (
        ({"resolution": "4k", "duration": 4}, ()),
        ({"duration": 6}, reference),
        ({"aspect_ratio": "9:16"}, reference),
        ({"seed": 7}, ()),
        ({"audio": False}, ()),
    ):
        with pytest.raises(InvalidRequest):
            MODEL.request(prompt="a cat", references=references, **said)
    with pytest.raises(InvalidRequest):
        ROWS[2].model("gemini").request(prompt="a cat", resolution="4k")


@pytest.mark.parametrize("is_nested", [True, False])
async def test_done_without_a_sample_is_moderation_where_filters_say_so(
    http: HttpClient, is_nested: bool
) -> None:
    told = {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["An issue with the audio."]}
    response = {"generateVideoResponse": told} if is_nested else told
    body = json.dumps({"name": OPERATION, "done": True, "response": response})
    async with serving(replying(200, body)) as url:
        result = await a_gemini(http, url).watch(OPERATION).poll()
    assert isinstance(result, Ended)
    assert result.failed.code == "moderation_blocked"
    assert "An issue with the audio" in result.failed.message
    assert "may pass when it is tried again" in result.failed.message


async def test_done_with_nothing_at_all_fails_only_if_it_stays_so(http: HttpClient) -> None:
    body = json.dumps({"name": OPERATION, "done": True, "response": {"generateVideoResponse": {}}})
    async with serving(replying(200, body)) as url:
        result = await a_gemini(http, url).watch(OPERATION).poll()
    assert isinstance(result, Ended)
    assert result.failed.code == "upstream_failed"


async def test_an_error_of_the_operation_is_its_end(http: HttpClient) -> None:
    error = {"code": 3, "message": "This violates our usage guidelines."}
    body = json.dumps({"name": OPERATION, "done": True, "error": error})
    async with serving(replying(200, body)) as url:
        result = await a_gemini(http, url).watch(OPERATION).poll()
    assert isinstance(result, Failed)
    assert result.code == "moderation_blocked"


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (
            400,
            {"message": "Bad.", "details": [{"reason": "API_KEY_INVALID"}]},
            UpstreamUnauthorized,
        ),
        (429, {"message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}, RateLimited),
        (
            429,
            {"message": "Your prepayment credits are depleted.", "status": "RESOURCE_EXHAUSTED"},
            InsufficientCredits,
        ),
    ],
)
async def test_an_error_is_what_googles_words_say_it_is(
    http: HttpClient, status: int, error: dict[str, object], kind: type[UpstreamError]
) -> None:
    async with serving(replying(status, json.dumps({"error": error}))) as url:
        with pytest.raises(kind) as caught:
            await a_gemini(http, url).submit(MODEL.request(prompt="a cat"))
    assert caught.value.surely_refused


@pytest.mark.parametrize(
    ("header", "delay", "wait_s"), [("7", "36s", 7), ("", "36.5s", 36.5), ("", "soon", None)]
)
async def test_a_quota_that_is_used_up_says_for_how_long(
    http: HttpClient, header: str, delay: str, wait_s: float | None
) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    error = {"message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": details}
    headers = {"Retry_After": header} if header else {}
    async with serving(replying(429, json.dumps({"error": error}), **headers)) as url:
        with pytest.raises(RateLimited) as caught:
            await a_gemini(http, url).submit(MODEL.request(prompt="a cat"))
    assert caught.value.retry_after_s == wait_s


async def test_the_key_opens_files_as_a_header_and_is_in_no_address(http: HttpClient) -> None:
    seen: list[tuple[str, str | None]] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.path_qs, request.headers.get("x-goog-api-key")))
        if "/operations/" not in request.path:
            return web.Response(body=b"v", content_type="video/mp4")
        video = {"uri": f"{request.url.origin()}/v1beta/files/f1:download?key=oh-no"}
        response = {"generateVideoResponse": {"generatedSamples": [{"video": video}]}}
        return web.json_response({"name": OPERATION, "done": True, "response": response})

    async with serving(note) as url:
        gemini = a_gemini(http, f"{url}/v1beta")
        async with gemini.open_asset(OPERATION) as asset:
            assert await anext(asset.chunks) == b"v"
        assert gemini.video_url(OPERATION) == ""
    assert seen == [
        (f"/v1beta/{OPERATION}", "not-a-key"),
        ("/v1beta/files/f1:download?alt=media", "not-a-key"),
    ]


def test_an_address_is_left_alone_as_far_as_it_is_right() -> None:
    address = "https://gemini.example/v1beta/files/f1:download?alt=media"
    assert download_address(address) == address
