from __future__ import annotations

import pytest
from aiohttp import web

from reelgate.errors import (
    AnswerLost,
    RangeNotSatisfiable,
    RateLimited,
    ReelgateError,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamFault,
    UpstreamUnavailable,
    VideoExpired,
)
from reelgate.providers.http import HttpClient
from reelgate.providers.imagine.web import ImagineHosts, ImagineWeb

from .world import an_account, an_imagine, replying, serving, serving_bytes


async def read_all(imagine: ImagineWeb, range_header: str | None = None) -> bytes:
    async with imagine.open_asset("id-1", range_header=range_header) as asset:
        return b"".join([chunk async for chunk in asset.chunks])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UpstreamError),
        (401, VideoExpired),
        (403, VideoExpired),
        (404, VideoExpired),
        (410, VideoExpired),
        (416, RangeNotSatisfiable),
        (429, RateLimited),
        (500, UpstreamFault),
        (503, UpstreamUnavailable),
    ],
)
async def test_what_cannot_be_opened_says_why(
    http: HttpClient, status: int, kind: type[ReelgateError]
) -> None:
    async with serving(replying(status, Retry_After="4")) as url:
        with pytest.raises(kind) as caught:
            await read_all(an_imagine(http, url))
    assert type(caught.value) is kind
    assert caught.value.retry_after_s in {None, 4.0}


@pytest.mark.parametrize("page", ["text/html; charset=utf-8", "application/json"])
async def test_a_page_is_no_video(http: HttpClient, page: str) -> None:
    async with serving(replying(200, "<html>", Content_Type=page)) as url:
        with pytest.raises(UpstreamBadResponse):
            await read_all(an_imagine(http, url))


async def test_a_video_that_breaks_off_is_told(http: HttpClient) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 100\r\n\r\n"
    async with serving_bytes(head + b"half") as url:
        with pytest.raises(AnswerLost):
            await read_all(an_imagine(http, url))


async def test_a_length_nobody_told_is_unknown(http: HttpClient) -> None:
    async def chunked(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b"abc")
        return response

    async with serving(chunked) as url, an_imagine(http, url).open_asset("id-1") as asset:
        assert asset.length_bytes is None
        assert asset.content_type == "video/mp4"
        assert [chunk async for chunk in asset.chunks] == [b"abc"]


async def test_the_file_is_asked_for_as_it_is(http: HttpClient) -> None:
    seen: list[tuple[str | None, ...]] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(
            tuple(request.headers.get(n) for n in ("Range", "Accept-Encoding", "Authorization"))
        )
        return web.Response(body=b"v", content_type="video/mp4")

    async with serving(note) as url:
        await read_all(an_imagine(http, url))
        await read_all(an_imagine(http, url), "bytes=5-")
    assert seen == [(None, "identity", None), ("bytes=5-", "identity", None)]


async def test_a_half_read_video_leaves_nothing_open(http: HttpClient) -> None:
    async with serving(replying(200, "v" * 5_000_000, Content_Type="video/mp4")) as url:
        for _ in range(3):
            async with an_imagine(http, url).open_asset("id-1") as asset:
                assert await anext(asset.chunks)


def test_the_public_address_is_the_one_callers_can_reach(http: HttpClient) -> None:
    real = ImagineWeb(http, ImagineHosts(), an_account())
    assert real.video_url("id-1") == "https://asset.imagine.art/processed/id-1"
    assert real.video_url("a/b") == "https://asset.imagine.art/processed/a%2Fb"
    public = ImagineWeb(
        http, ImagineHosts(), an_account(), public_asset_url="https://me.example/processed/"
    )
    assert public.video_url("id-1") == "https://me.example/processed/id-1"
