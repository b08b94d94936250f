"""Videos kept in an S3-compatible bucket: streamed from there, or answered with an address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import openai
import pytest
import requests
import structlog
from moto.server import ThreadedMotoServer

from reelgate.media import bucket as buckets
from tests.gateway import Gateway, a_prompt, soon

from .jobs import READY_AT_ONCE, VIDEOS, JobsGateway, a_jobs_gateway


@dataclass(frozen=True)
class Bucket:
    """A bucket of a real S3-compatible server."""

    server: str

    @property
    def storage_url(self) -> str:
        return f"s3://films/kept?endpoint={self.server}&region=eu-west-1"

    def listing(self) -> str:
        """What it holds, as XML."""
        return requests.get(f"{self.server}/films?list-type=2", timeout=10).text


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        requests.put(f"http://{host}:{port}/films", timeout=10).raise_for_status()
        yield Bucket(f"http://{host}:{port}")
    finally:
        server.stop()


def content_url(gateway: Gateway, video_id: str, query: str = "") -> str:
    return f"{gateway.url}{VIDEOS}/{video_id}/content{query}"


async def read(
    gateway: JobsGateway, url: str, **headers: str
) -> tuple[aiohttp.ClientResponse, bytes]:
    async with gateway.session.get(url, headers=headers) as response:
        return response, await response.read()


async def test_a_bucket_s_video_is_streamed_with_ranges(
    tmp_path: Path, sandbox_url: str, bucket: Bucket
) -> None:
    async with a_jobs_gateway(tmp_path, sandbox_url, storage_url=bucket.storage_url) as gateway:
        video = await gateway.finished()
        url = content_url(gateway, video["id"])
        assert video["id"] in bucket.listing()
        whole, content = await read(gateway, url)
        assert (whole.status, whole.history, content[4:8]) == (200, (), b"ftyp")
        part, piece = await read(gateway, url, Range="bytes=5-9")
        assert (part.status, piece) == (206, content[5:10])
        assert part.headers["Content-Range"] == f"bytes 5-9/{len(content)}"
        again, nothing = await read(gateway, url, **{"If-None-Match": whole.headers["ETag"]})
        assert (again.status, nothing) == (304, b"")
        thumbnail, picture = await read(gateway, f"{url}?variant=thumbnail")
        assert (thumbnail.content_type, picture[:4]) == ("image/webp", b"RIFF")
        await gateway.call("DELETE", f"{VIDEOS}/{video['id']}")
        assert video["id"] not in bucket.listing()


@pytest.mark.filterwarnings(
    "ignore:The Sora API is scheduled to permanently shut down:DeprecationWarning"
)
async def test_a_download_is_sent_to_the_bucket_itself_where_that_is_wanted(
    tmp_path: Path, sandbox_url: str, bucket: Bucket
) -> None:
    settings = {"storage_url": bucket.storage_url, "redirect_content": True}
    async with a_jobs_gateway(tmp_path, sandbox_url, **settings) as gateway:
        video = await gateway.finished()
        url = content_url(gateway, video["id"])
        direct, content = await read(gateway, url)
        assert [hop.status for hop in direct.history] == [307]
        assert str(direct.url).startswith(bucket.server)
        assert (direct.status, direct.content_type, content[4:8]) == (200, "video/mp4", b"ftyp")
        part, piece = await read(gateway, url, Range="bytes=5-9")
        assert (part.status, piece) == (206, content[5:10])
        async with gateway.session.head(url, allow_redirects=True) as head:
            assert (head.status, head.history) == (200, ())
            assert int(head.headers["Content-Length"]) == len(content)
        body = {"prompt": video["prompt"], "seconds": "5", "size": "1280x720"}
        async with gateway.session.post(f"{gateway.url}{VIDEOS}/sync", json=body) as synced:
            assert (synced.status, synced.history) == (200, ())
            assert (await synced.read())[4:8] == b"ftyp"
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="rg_test") as client:
            downloaded = await client.videos.download_content(video["id"])
        assert downloaded.content == content


async def test_a_folder_has_no_address_so_it_is_streamed_all_the_same(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_jobs_gateway(tmp_path, sandbox_url, redirect_content=True) as gateway:
        video = await gateway.finished()
        answer, content = await read(gateway, content_url(gateway, video["id"]))
        assert (answer.status, answer.history, content[4:8]) == (200, (), b"ftyp")


@pytest.mark.usefixtures("bucket")
async def test_a_video_waits_for_a_bucket_that_is_away(
    tmp_path: Path,
    sandbox_url: str,
    unused_tcp_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(buckets._RETRY, "max_retries", 0)
    away = Bucket(f"http://127.0.0.1:{unused_tcp_port}")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=unused_tcp_port, verbose=False)
    with structlog.testing.capture_logs() as log:
        async with a_jobs_gateway(tmp_path, sandbox_url, storage_url=away.storage_url) as gateway:
            video = await gateway.created(a_prompt(READY_AT_ONCE))
            await soon(lambda: any(line["event"] == "fetch_failed" for line in log))
            assert (await gateway.show(video["id"]))["status"] == "in_progress"
            server.start()
            try:
                await asyncio.to_thread(requests.put, f"{away.server}/films", timeout=10)
                await gateway.reached(video["id"], "completed")
                response, _ = await read(gateway, content_url(gateway, video["id"]))
                assert response.status == 200
            finally:
                server.stop()
