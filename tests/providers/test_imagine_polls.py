from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from aiohttp import web

from reelgate.errors import (
    AnswerLost,
    RateLimited,
    UpstreamError,
    UpstreamFault,
    UpstreamUnavailable,
)
from reelgate.net.client import HttpClient
from reelgate.providers.base import Ended, Failed, Poller, PollResult, Ready, Running
from reelgate.providers.imagine.adapter import ImagineWeb
from reelgate.sandbox import Sandbox
from tests.http_servers import serving
from tests.providers.imagine_account import TOKEN, a_request, a_token, an_imagine

MP4_START = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00"
Reply = Callable[[web.BaseRequest], web.StreamResponse]


def polls(sandbox: Sandbox) -> list[str]:
    """The requests after the submit, by method."""
    return [seen.method for seen in sandbox.recorder if seen.operation != "submit"]


async def a_watch(imagine: ImagineWeb, prompt: str) -> Poller:
    request = a_request(prompt, duration=5, resolution="720p")
    return imagine.watch((await imagine.submit(request)).provider_id)


async def until_over(watch: Poller) -> PollResult:
    """Look until the job is no longer running; the test's own time limit ends it otherwise."""
    while isinstance(result := await watch.poll(), Running):
        pass
    return result


async def test_a_running_job_costs_one_request_per_look(
    imagine: ImagineWeb, sandbox: Sandbox
) -> None:
    watch = await a_watch(imagine, "a cat [[never]]")
    assert [await watch.poll() for _ in range(3)] == [Running()] * 3
    assert polls(sandbox) == ["GET"] * 3


async def test_a_failed_job_is_found_out(imagine: ImagineWeb) -> None:
    result = await until_over(await a_watch(imagine, "a cat [[fail after=0]]"))
    assert isinstance(result, Failed)
    assert result.code == "upstream_failed"


async def test_a_finished_job_is_ready_and_can_be_read(imagine: ImagineWeb) -> None:
    request = a_request("a cat [[ready after=0]]", duration=5, resolution="720p")
    provider_id = (await imagine.submit(request)).provider_id
    assert await until_over(imagine.watch(provider_id)) == Ready()
    async with imagine.open_asset(provider_id) as asset:
        whole = b"".join([chunk async for chunk in asset.chunks])
    assert asset.content_type == "video/mp4"
    assert asset.length_bytes == len(whole)
    assert asset.content_range is None
    assert whole[4:8] == b"ftyp"
    async with imagine.open_asset(provider_id, range_header="bytes=4-7") as asset:
        part = b"".join([chunk async for chunk in asset.chunks])
    assert part == b"ftyp"
    assert asset.length_bytes == 4
    assert asset.content_range == f"bytes 4-7/{len(whole)}"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
async def test_a_status_endpoint_that_refuses_is_asked_ever_more_rarely(
    imagine: ImagineWeb, sandbox: Sandbox, status: int
) -> None:
    watch = await a_watch(imagine, f"a cat [[status-{status}]] [[never]]")
    assert [await watch.poll() for _ in range(16)] == [Running()] * 16
    asked = [method for method in polls(sandbox) if method == "GET"]
    assert len(asked) == 5
    assert polls(sandbox)[:7] == ["GET", "HEAD", "GET", "HEAD", "HEAD", "GET", "HEAD"]


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_a_failure_is_seen_although_the_status_endpoint_had_failed(
    imagine: ImagineWeb, status: int
) -> None:
    watch = await a_watch(imagine, f"a cat [[status-{status} times=2]] [[fail after=0]]")
    with suppress(UpstreamFault):
        await watch.poll()
    assert isinstance(await until_over(watch), Failed)


@pytest.mark.parametrize("directive", ["[[status-500]]", "[[status-reset-before]]"])
async def test_a_video_is_found_although_the_status_endpoint_only_fails(
    imagine: ImagineWeb, directive: str
) -> None:
    watch = await a_watch(imagine, f"a cat {directive} [[ready after=0.2]]")
    with pytest.raises(UpstreamError):
        await watch.poll()
    assert await until_over(watch) == Ready()


def told(result: PollResult) -> Failed:
    """What a poll says of a job that is over."""
    assert isinstance(result, Ended | Failed)
    return result.failed if isinstance(result, Ended) else result


@pytest.mark.parametrize(
    ("ends", "code", "word"),
    [
        ("as=finished", "upstream_failed", "finished"),
        ("as=expired", "upstream_failed", "expired"),
        ("as=nsfw", "moderation_blocked", "nsfw"),
        ('as=failed reason="It was flagged by moderation."', "moderation_blocked", "failed"),
    ],
)
async def test_an_end_without_a_video_is_named_in_the_upstreams_word(
    imagine: ImagineWeb, ends: str, code: str, word: str
) -> None:
    failed = told(await until_over(await a_watch(imagine, f"a cat [[ends {ends} after=0]]")))
    assert failed.code == code
    assert f'(status "{word}")' in failed.message


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("The queue was full.", '(status "failed"): "The queue was full".'),
        ("see https://internal/x", "its reason is in the gateway's log."),
        ("", "and told no reason."),
    ],
)
async def test_the_upstreams_reason_is_told_if_it_is_fit_to_be(
    imagine: ImagineWeb, reason: str, sentence: str
) -> None:
    ends = f'[[ends as=failed after=0 reason="{reason}"]]'
    failed = told(await until_over(await a_watch(imagine, f"a cat {ends}")))
    assert failed.message.endswith(sentence)
    assert reason in failed.upstream


@pytest.mark.parametrize("word", ["expired", "nsfw"])
async def test_an_end_is_seen_although_the_asset_host_cannot_tell(
    imagine: ImagineWeb, word: str
) -> None:
    watch = await a_watch(imagine, f"a cat [[ends as={word} after=0]] [[asset-503]]")
    assert isinstance(await until_over(watch), Ended)


async def test_an_unknown_word_is_no_end(imagine: ImagineWeb) -> None:
    watch = await a_watch(imagine, "a cat [[says as=upscaling]] [[never]]")
    assert [await watch.poll() for _ in range(3)] == [Running()] * 3


@pytest.mark.parametrize("directives", ["[[status-404]]", "[[status-403]] [[not-ready-403]]"])
async def test_the_asset_host_alone_can_show_that_a_video_is_ready(
    imagine: ImagineWeb, directives: str
) -> None:
    watch = await a_watch(imagine, f"a cat {directives} [[ready after=0.2]]")
    assert await until_over(watch) == Ready()


async def test_a_token_that_died_meanwhile_leaves_the_asset_host(
    http: HttpClient, imagine: ImagineWeb, sandbox: Sandbox
) -> None:
    submission = await imagine.submit(a_request("a cat [[never]]"))
    dead = an_imagine(http, sandbox.url, a_token(exp=1))
    watch = dead.watch(submission.provider_id)
    assert [await watch.poll() for _ in range(2)] == [Running()] * 2
    assert polls(sandbox) == ["HEAD", "HEAD"]


@pytest.mark.parametrize(
    ("directive", "kind"),
    [
        ("[[status-429 retry-after=3 times=1]]", RateLimited),
        ("[[status-500]]", UpstreamFault),
        ("[[status-502]]", UpstreamFault),
        ("[[status-503]]", UpstreamUnavailable),
        ("[[status-504]]", UpstreamFault),
        ("[[status-cut-off]]", AnswerLost),
        ("[[status-reset-before]]", AnswerLost),
        ("[[asset-429]] [[status-404]]", RateLimited),
        ("[[asset-503]] [[status-404]]", UpstreamUnavailable),
    ],
)
async def test_a_poll_that_fails_says_nothing_about_the_job(
    imagine: ImagineWeb, directive: str, kind: type[UpstreamError]
) -> None:
    watch = await a_watch(imagine, f"a cat {directive} [[never]]")
    with pytest.raises(kind) as caught:
        await watch.poll()
    assert type(caught.value) is kind
    assert caught.value.temporary


async def test_one_reset_connection_does_not_spoil_a_look(imagine: ImagineWeb) -> None:
    watch = await a_watch(imagine, "a cat [[status-reset-before times=1]] [[never]]")
    assert await watch.poll() == Running()


async def test_a_status_page_leaves_this_poll_to_the_asset_host(
    imagine: ImagineWeb, sandbox: Sandbox
) -> None:
    watch = await a_watch(imagine, "a cat [[status-html times=1]] [[never]]")
    assert [await watch.poll() for _ in range(2)] == [Running()] * 2
    assert polls(sandbox) == ["GET", "HEAD", "GET"]


class Upstream:
    """A server whose status endpoint and asset host say what a test wants, and that takes notes."""

    def __init__(self, status: object, asset: Reply) -> None:
        self._status = status
        self._asset = asset
        self.seen: list[tuple[str, str, str | None]] = []

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        authorization = request.headers.get("Authorization")
        self.seen.append((request.method, request.path, authorization))
        if request.path.endswith("/status"):
            return web.json_response(self._status)
        return self._asset(request)


DONE = {"status": "finished", "assets": [{"url": {"generation": ["https://x/v.mp4"]}}]}


async def poll_once(
    http: HttpClient, upstream: Callable[..., Awaitable[web.StreamResponse]]
) -> PollResult:
    async with serving(upstream) as url:
        return await an_imagine(http, url).watch("id-1").poll()


def a_video(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=MP4_START, content_type="video/mp4")


def a_page(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="<html>expired</html>", content_type="text/html")


def missing(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=404)


def an_untyped_video(request: web.BaseRequest) -> web.StreamResponse:
    if request.method == "HEAD":
        return web.Response(content_type="application/octet-stream")
    assert request.headers["Range"] == "bytes=0-11"
    return web.Response(status=206, body=MP4_START[:12], content_type="application/octet-stream")


def a_video_without_ranges(_request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=MP4_START * 100_000, content_type="binary/octet-stream")


def a_moved_video(request: web.BaseRequest) -> web.StreamResponse:
    if request.path == "/moved.mp4":
        return a_video(request)
    return web.Response(status=302, headers={"Location": "/moved.mp4"})


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        (a_video, Ready()),
        (an_untyped_video, Ready()),
        (a_video_without_ranges, Ready()),
        (a_moved_video, Ready()),
        (a_page, None),
        (missing, None),
    ],
)
@pytest.mark.parametrize("status", [DONE, {"status": "success"}, {"status": "archived"}, {}, [], 7])
async def test_only_a_served_video_is_ready(
    http: HttpClient, asset: Reply, expected: PollResult | None, status: object
) -> None:
    result = await poll_once(http, Upstream(status, asset))
    if expected is None:
        is_end = isinstance(status, dict) and status.get("status") and status is not DONE
        assert isinstance(result, Ended if is_end else Running)
    else:
        assert result == expected


async def test_an_address_with_a_failure_word_is_decided_by_the_file(http: HttpClient) -> None:
    status = {**DONE, "status": "failed"}
    assert await poll_once(http, Upstream(status, a_video)) == Ready()
    assert isinstance(await poll_once(http, Upstream(status, missing)), Ended)


async def test_the_bearer_goes_to_the_api_and_never_to_the_asset_host(http: HttpClient) -> None:
    upstream = Upstream(DONE, an_untyped_video)
    await poll_once(http, upstream)
    assert upstream.seen == [
        ("GET", "/v1/assets/id-1/status", f"Bearer {TOKEN}"),
        ("HEAD", "/processed/id-1", None),
        ("GET", "/processed/id-1", None),
    ]
