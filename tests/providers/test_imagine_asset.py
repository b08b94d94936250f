from __future__ import annotations

import gzip

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
from reelgate.net.client import HttpClient
from reelgate.providers.imagine.adapter import ImagineHosts, ImagineWeb
from reelgate.providers.imagine.asset_host import AssetHost
from tests.http_servers import replying, serving, serving_bytes
from tests.providers.imagine_account import an_account, an_imagine


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


@pytest.mark.parametrize("range_header", [None, "bytes=1-2"])
async def test_a_compressed_video_is_whole_and_of_unknown_length(
    http: HttpClient, range_header: str | None
) -> None:
    """A range of it would be one of the compressed bytes, so the whole is asked for then."""
    video = bytes(100) + b"the end"
    packed = gzip.compress(video)

    async def compressed(request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Content-Encoding": "gzip", "Content-Type": "video/mp4"}
        if "Range" not in request.headers:
            return web.Response(body=packed, headers=headers)
        headers["Content-Range"] = f"bytes 1-2/{len(packed)}"
        return web.Response(status=206, body=packed[1:3], headers=headers)

    async with (
        serving(compressed) as url,
        an_imagine(http, url).open_asset("id-1", range_header=range_header) as asset,
    ):
        assert (asset.length_bytes, asset.content_range) == (None, None)
        assert b"".join([chunk async for chunk in asset.chunks]) == video


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_into_a_private_network_is_not_followed(
    http: HttpClient, status: int
) -> None:
    asked = []

    async def inside(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(body=b"the intranet", content_type="video/mp4")

    async with serving(inside) as internal:
        for target in (internal, internal.replace("127.0.0.1", "localhost"), "http://[::1]:9/"):
            async with serving(replying(status, Location=target)) as url:
                imagine = an_imagine(http, url)
                with pytest.raises(UpstreamError, match="private or reserved network"):
                    await read_all(imagine)
                with pytest.raises(UpstreamError, match="private or reserved network"):
                    await AssetHost(http, url).serves_video("id-1")
    assert asked == []


async def test_a_redirect_on_the_host_itself_is_followed(http: HttpClient) -> None:
    async def moved(request: web.BaseRequest) -> web.StreamResponse:
        if request.path != "/moved":
            return web.Response(status=302, headers={"Location": "/moved"})
        return web.Response(body=b"video", content_type="video/mp4")

    async with serving(moved) as url:
        assert await read_all(an_imagine(http, url)) == b"video"


MP4_START = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00"


@pytest.mark.parametrize("status", [400, 401, 403, 405, 500, 501, 503])
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "whole"])
async def test_a_video_whose_head_is_refused_is_found_by_its_first_bytes(
    http: HttpClient, status: int, *, ranges: bool
) -> None:
    async def reply(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(status=status)
        return web.Response(status=206 if ranges else 200, body=MP4_START)

    async with serving(reply) as url:
        assert await AssetHost(http, url).serves_video("id-1")


async def test_a_head_that_breaks_tells_nothing_of_the_video(http: HttpClient) -> None:
    async def reply(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "HEAD" and request.transport is not None:
            request.transport.abort()
        return web.Response(body=MP4_START)

    async with serving(reply) as url:
        assert await AssetHost(http, url).serves_video("id-1")


async def test_a_host_that_knows_no_head_is_not_asked_for_it_again(http: HttpClient) -> None:
    methods = []

    async def reply(request: web.BaseRequest) -> web.StreamResponse:
        methods.append(request.method)
        if request.method == "HEAD":
            return web.Response(status=405)
        return web.Response(status=206, body=MP4_START)

    async with serving(reply) as url:
        host = AssetHost(http, url)
        assert [await host.serves_video("id-1") for _ in range(3)] == [True] * 3
    assert methods == ["HEAD", "GET", "GET", "GET"]


@pytest.mark.parametrize(("told", "methods"), [(False, ["HEAD"]), (True, ["HEAD", "GET"])])
async def test_what_is_not_found_is_asked_for_twice_only_if_it_should_be_there(
    http: HttpClient, methods: list[str], *, told: bool
) -> None:
    seen = []

    async def reply(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.method)
        return web.Response(status=404)

    async with serving(reply) as url:
        assert not await AssetHost(http, url).serves_video("id-1", told=told)
    assert seen == methods


async def test_a_video_that_is_not_found_may_come_soon(http: HttpClient) -> None:
    async with serving(replying(404, Retry_After="4")) as url:
        with pytest.raises(VideoExpired) as caught:
            await read_all(an_imagine(http, url))
    assert caught.value.retry_after_s == 4.0
