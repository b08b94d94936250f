"""A finished video's bytes: ranges, conditions, `HEAD`, the thumbnail, and what has no bytes."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import aiohttp
import pytest
from PIL import Image
from yarl import URL

from tests.gateway import a_prompt, soon

from .files import grow, open_files
from .jobs import NEVER, VIDEOS, JobsGateway, a_jobs_gateway, is_refused

BIG_BYTES = 20_000_000


class Answer:
    """An answer with bytes."""

    def __init__(self, response: aiohttp.ClientResponse, content: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.content = content


async def fetch(
    gateway: JobsGateway, video_id: str, method: str = "GET", query: str = "", **headers: str
) -> Answer:
    """One request for a video's content; `If_Range` stands for the header `If-Range`."""
    url = f"{gateway.url}{VIDEOS}/{video_id}/content{query}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.session.request(method, url, headers=named) as response:
        return Answer(response, await response.read())


def stored(gateway: JobsGateway, video_id: str) -> Path:
    return gateway.data_dir / "videos" / f"{video_id}.mp4"


async def test_the_whole_file_comes_with_what_a_player_needs(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    answer = await fetch(gateway, video["id"])
    assert (answer.status, answer.content) == (200, stored(gateway, video["id"]).read_bytes())
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{video["id"]}.mp4"'
    assert answer.headers["ETag"].startswith('"')


async def test_a_range_is_answered_exactly(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    whole = stored(gateway, video["id"]).read_bytes()
    size = len(whole)
    for asked, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, size),
        ("bytes=-100", size - 100, size),
        (f"bytes=-{size + 5}", 0, size),
        (f"bytes={size - 1}-{size + 100}", size - 1, size),
    ):
        answer = await fetch(gateway, video["id"], Range=asked)
        assert (answer.status, answer.content) == (206, whole[start:stop]), asked
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["Content-Length"] == str(stop - start)


async def test_a_range_beyond_the_end_is_refused_with_the_size(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    size = stored(gateway, video["id"]).stat().st_size
    for asked in (f"bytes={size}-", "bytes=-0"):
        path = f"{VIDEOS}/{video['id']}/content"
        reply = await gateway.call("GET", path, headers={"Range": asked})
        assert is_refused(reply, 416, "range_not_satisfiable")
        assert reply.headers["Content-Range"] == f"bytes */{size}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=5-1", "bytes=", "lines=0-1", "0-1"])
async def test_a_range_that_is_none_gives_the_whole_file(gateway: JobsGateway, asked: str) -> None:
    video = await gateway.finished()
    answer = await fetch(gateway, video["id"], Range=asked)
    assert (answer.status, len(answer.content)) == (
        200,
        stored(gateway, video["id"]).stat().st_size,
    )


async def test_a_download_is_resumed_only_if_the_file_is_the_same(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    etag = (await fetch(gateway, video["id"], "HEAD")).headers["ETag"]
    same = await fetch(gateway, video["id"], Range="bytes=5-9", If_Range=etag)
    assert (same.status, len(same.content)) == (206, 5)
    for other in ('"another"', f"W/{etag}", "Sun, 22 Nov 2026 15:00:00 GMT"):
        answer = await fetch(gateway, video["id"], Range="bytes=5-9", If_Range=other)
        assert answer.status == 200


async def test_what_the_caller_has_is_not_sent_again(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    for variant in ("video", "thumbnail"):
        query = f"?variant={variant}"
        etag = (await fetch(gateway, video["id"], query=query)).headers["ETag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = await fetch(gateway, video["id"], query=query, If_None_Match=known)
            assert (answer.status, answer.content, answer.headers["ETag"]) == (304, b"", etag)
        changed = await fetch(gateway, video["id"], query=query, If_None_Match='"other"')
        assert changed.status == 200


async def test_head_tells_what_get_sends(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    for query in ("", "?variant=thumbnail"):
        for headers in ({}, {"Range": "bytes=1-5"}, {"Range": "bytes=99999999999-"}):
            got = await fetch(gateway, video["id"], "GET", query, **headers)
            head = await fetch(gateway, video["id"], "HEAD", query, **headers)
            assert (head.status, head.content) == (got.status, b"")
            assert told(head) == told(got)


def told(answer: Answer) -> dict[str, str]:
    """The headers, but for those of this one request."""
    of_each = {"date", "x-request-id"}
    return {n.lower(): value for n, value in answer.headers.items() if n.lower() not in of_each}


async def test_the_thumbnail_is_the_first_frame(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    answer = await fetch(gateway, video["id"], query="?variant=thumbnail")
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Content-Disposition"].endswith(f'"{video["id"]}.webp"')
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width > picture.height
    assert answer.headers["ETag"] != (await fetch(gateway, video["id"])).headers["ETag"]


async def test_another_variant_is_refused(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    path = f"{VIDEOS}/{video['id']}/content?variant=spritesheet"
    assert is_refused(await gateway.call("GET", path), 422, "invalid_request", "variant")


async def test_content_before_it_is_ready_is_a_conflict(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt(NEVER))
    for query in ("", "?variant=thumbnail"):
        reply = await gateway.call("GET", f"{VIDEOS}/{video['id']}/content{query}")
        assert is_refused(reply, 409, "video_not_ready")
        assert int(reply.headers["Retry-After"]) > 0


async def test_a_failed_video_has_no_content(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt("[[402]]"))
    await gateway.reached(video["id"], "failed")
    reply = await gateway.call("GET", f"{VIDEOS}/{video['id']}/content")
    assert is_refused(reply, 404, "video_not_found")
    assert "insufficient_credits" in reply.body["detail"]


@pytest.mark.parametrize(
    "video_id", ["video_0", "x", "%00", "video_%FF", "..%2F..%2Fetc", "a" * 2000]
)
async def test_an_id_that_does_not_exist_is_not_found(gateway: JobsGateway, video_id: str) -> None:
    for method, path in (
        ("GET", ""),
        ("GET", "/content"),
        ("GET", "/events"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ):
        url = URL(f"{gateway.url}{VIDEOS}/{video_id}{path}", encoded=True)
        async with gateway.session.request(method, url) as response:
            body = await response.json(content_type=None)
        assert response.status == 404
        assert body["error"]["code"] in {"video_not_found", "not_found"}


async def test_a_file_that_vanished_is_gone_and_not_a_fault(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    stored(gateway, video["id"]).unlink()
    reply = await gateway.call("GET", f"{VIDEOS}/{video['id']}/content")
    assert is_refused(reply, 410, "video_expired")


async def test_after_retention_the_file_is_gone_and_the_object_stays(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_jobs_gateway(tmp_path, sandbox_url) as gateway:
        video = await gateway.finished()
        path = stored(gateway, video["id"])
    async with a_jobs_gateway(tmp_path, sandbox_url, retention_days=1e-9) as gateway:
        await soon(lambda: not path.exists())
        for query in ("", "?variant=thumbnail"):
            reply = await gateway.call("GET", f"{VIDEOS}/{video['id']}/content{query}")
            assert is_refused(reply, 410, "video_expired")
        shown = await gateway.show(video["id"])
        assert shown["status"] == "completed"
        assert shown["expires_at"] >= shown["completed_at"]


async def test_without_keeping_the_upstream_s_file_is_streamed_through(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_jobs_gateway(tmp_path, sandbox_url, keep="off") as gateway:
        video = await gateway.finished()
        async with gateway.session.get(video["reelgate"]["video_url"]) as response:
            whole = await response.read()
        answer = await fetch(gateway, video["id"])
        assert (answer.status, answer.content) == (200, whole)
        part = await fetch(gateway, video["id"], Range="bytes=-10")
        assert (part.status, part.content) == (206, whole[-10:])
        size = len(whole)
        assert part.headers["Content-Range"] == f"bytes {size - 10}-{size - 1}/{size}"
        beyond = await fetch(gateway, video["id"], Range=f"bytes={size}-")
        assert beyond.status == 416
        resumed = await fetch(gateway, video["id"], Range="bytes=-10", If_Range='"unknown"')
        assert (resumed.status, resumed.content) == (200, whole)
        head = await fetch(gateway, video["id"], "HEAD")
        assert (head.status, head.content, told(head)) == (200, b"", told(answer))
        path = f"{VIDEOS}/{video['id']}/content?variant=thumbnail"
        assert is_refused(await gateway.call("GET", path), 404, "video_not_found")
    assert not (tmp_path / "videos").exists() or not any((tmp_path / "videos").iterdir())


async def test_a_reader_who_leaves_leaves_no_open_file_and_a_slow_one_harms_nobody(
    gateway: JobsGateway,
) -> None:
    video = await gateway.finished()
    path = stored(gateway, video["id"])
    await asyncio.to_thread(grow, gateway.data_dir, video["id"], BIG_BYTES)
    slow = await gateway.session.get(f"{gateway.url}{VIDEOS}/{video['id']}/content")
    assert len(await slow.content.readexactly(1000)) == 1000
    await soon(lambda: open_files(path) == 1)
    others = await asyncio.gather(*(fetch(gateway, video["id"]) for _ in range(4)))
    assert [len(other.content) for other in others] == [BIG_BYTES] * 4
    await soon(lambda: open_files(path) == 1)
    slow.close()
    await soon(lambda: open_files(path) == 0)
