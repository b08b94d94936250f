"""Uploading a reference picture to imagine.art."""

from __future__ import annotations

import json

import pytest

from reelgate.domain.picture import Picture
from reelgate.errors import UpstreamBadResponse, UpstreamError, UpstreamUnauthorized
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.imagine.adapter import ImagineWeb
from reelgate.providers.imagine.wire import read_upload
from reelgate.sandbox import Sandbox
from tests.http_servers import replying, serving
from tests.providers.imagine_account import TOKEN, an_imagine

PICTURE = Picture(b"\x89PNG\r\n\x1a\nnot really", "image/png")


async def test_an_uploaded_picture_can_be_read_at_its_address(
    imagine: ImagineWeb, http: HttpClient, sandbox: Sandbox
) -> None:
    address = await imagine.upload_reference(PICTURE)
    assert address.startswith(sandbox.url)
    kept = await http.request("GET", address, timeout_s=5)
    assert (kept.content_type, kept.body) == ("image/png", PICTURE.content)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"url": null}',
        '{"url": {"processed": []}}',
        '{"url": {"processed": [7]}}',
        '{"url": {"processed": ["javascript:alert(1)"]}}',
    ],
)
def test_an_answer_without_an_address_is_no_success(body: str) -> None:
    with pytest.raises(UpstreamBadResponse):
        read_upload(HttpResponse(200, {}, body.encode()))


@pytest.mark.parametrize("processed", [["https://cdn.example/a.png"], "https://cdn.example/a.png"])
def test_an_address_alone_or_in_an_array_is_read(processed: object) -> None:
    body = json.dumps({"url": {"processed": processed}}).encode()
    assert read_upload(HttpResponse(200, {}, body)) == "https://cdn.example/a.png"


@pytest.mark.parametrize(
    ("status", "error"), [(401, UpstreamUnauthorized), (400, UpstreamError), (503, UpstreamError)]
)
async def test_a_refused_upload_is_told_without_the_token(
    http: HttpClient, status: int, error: type[UpstreamError]
) -> None:
    async with serving(replying(status, f"token {TOKEN} is no good")) as url:
        with pytest.raises(error) as refused:
            await an_imagine(http, url).upload_reference(PICTURE)
    assert TOKEN not in f"{refused.value} {refused.value.upstream}"
