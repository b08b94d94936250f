"""A gateway behind real proxies, set up with what docs/deployment.md says."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
from asyncio import create_subprocess_exec
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.gateway import SHORT, Gateway, a_gateway, a_prompt, until
from tests.http.files import grow

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
NGINX_BLOCK = re.findall(r"^```nginx\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
CADDY_BLOCK = re.findall(r"^```caddy\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
UPSTREAM = "http://127.0.0.1:8000"
CLIENT = "203.0.113.7"
FILM_BYTES = 200_000_000

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; {block} }}
}}
"""


@dataclass(frozen=True)
class Proxied:
    """A gateway, and the address of a proxy in front of it."""

    gateway: Gateway
    url: str
    session: aiohttp.ClientSession


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command_of(name: str, folder: Path, port: int, upstream: str) -> list[str]:
    """How to run a proxy with the page's own words."""
    if name == "nginx":
        block = NGINX_BLOCK.replace(UPSTREAM, upstream)
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port, block=block))
        return ["nginx", "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")]
    config = folder / "Caddyfile"
    block = CADDY_BLOCK.replace("127.0.0.1:8000", upstream.removeprefix("http://"))
    block = block.replace("your-name.example", f"http://127.0.0.1:{port}")
    config.write_text("{\n  admin off\n  auto_https off\n}\n" + block)
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


@pytest.fixture(
    params=[
        pytest.param(
            name,
            marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"there is no {name}"),
        )
        for name in ("nginx", "caddy")
    ]
)
async def proxied(
    request: pytest.FixtureRequest, tmp_path: Path, sandbox_url: str
) -> AsyncIterator[Proxied]:
    async with (
        a_gateway(
            tmp_path / "gateway",
            sandbox_url,
            allow_open=True,
            trusted_proxies="127.0.0.1",
            max_upload_bytes=50_000_000,
        ) as gateway,
        running_proxy(request.param, tmp_path, gateway.url) as url,
        aiohttp.ClientSession() as session,
    ):
        yield Proxied(gateway, url, session)


@asynccontextmanager
async def running_proxy(name: str, folder: Path, upstream: str) -> AsyncIterator[str]:
    port = free_port()
    program = await create_subprocess_exec(
        *command_of(name, folder, port, upstream), stdout=DEVNULL, stderr=PIPE
    )
    url = f"http://127.0.0.1:{port}"

    async def is_up() -> bool:
        assert program.returncode is None, await program.communicate()
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/health") as found:
                return found.status == 200
        except aiohttp.ClientConnectionError:
            return False

    try:
        await until(is_up)
        yield url
    finally:
        if program.returncode is None:
            program.terminate()
        await program.communicate()


@pytest.mark.parametrize("seconds", [2, pytest.param(90, marks=pytest.mark.slow)])
async def test_a_blocking_request_is_answered_through_it(proxied: Proxied, seconds: int) -> None:
    body = {"prompt": a_prompt(f"[[ready after={seconds}]]"), **SHORT}
    url = f"{proxied.url}/v1/imagine-text-to-video/generations"
    timeout = aiohttp.ClientTimeout(total=200)
    async with proxied.session.post(url, json=body, timeout=timeout) as response:
        told = await response.json()
    assert (response.status, told["status"]) == (200, "COMPLETED")


async def test_events_come_one_by_one(proxied: Proxied) -> None:
    body = {"prompt": a_prompt("[[never]]"), "seconds": "5"}
    async with proxied.session.post(f"{proxied.url}/v1/videos", json=body) as response:
        video = await response.json()
    events = f"{proxied.url}/v1/videos/{video['id']}/events"
    async with proxied.session.get(events) as stream:
        assert stream.content_type == "text/event-stream"
        # It would wait for more, were it buffered: the stream goes on for as long as the job.
        async with asyncio.timeout(100):
            while not (line := await stream.content.readline()).startswith(b"data: "):
                pass
    assert json.loads(line.removeprefix(b"data: "))["id"] == video["id"]


async def test_a_large_download_and_its_ranges_come_through(proxied: Proxied) -> None:
    reply = await proxied.gateway.generate(a_prompt())
    video_id = reply.headers["Reelgate-Video-Id"]
    await asyncio.to_thread(grow, proxied.gateway.data_dir, video_id, FILM_BYTES)
    url = f"{proxied.url}/v1/videos/{video_id}/content"
    async with proxied.session.get(url) as response:
        size = sum([len(chunk) async for chunk in response.content.iter_any()])
    async with proxied.session.get(url, headers={"Range": "bytes=4-7"}) as response:
        part = await response.read()
    assert (response.status, part, size) == (206, b"ftyp", FILM_BYTES)


async def test_the_log_names_the_client_and_not_the_proxy(
    proxied: Proxied, capfd: pytest.CaptureFixture[str]
) -> None:
    headers = {"X-Forwarded-For": CLIENT}
    async with proxied.session.get(f"{proxied.url}/v1/models", headers=headers) as response:
        assert response.status == 200
    told = capfd.readouterr()
    lines = [line for line in (told.out + told.err).splitlines() if "route=/v1/models" in line]
    # Who the proxy's own client is counts, not what that one says of itself.
    assert lines
    assert all("client=127.0.0.1" in line or f"client={CLIENT}" in line for line in lines)
