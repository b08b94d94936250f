"""A finished video that is only at the address which the status endpoint tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from reelgate.clock import SystemClock
from reelgate.errors import UpstreamError, VideoExpired
from reelgate.net.client import HttpClient
from reelgate.providers.base import Ready, Running
from reelgate.sandbox import Sandbox, SandboxOptions
from tests.providers.imagine_account import a_request, an_imagine

FILM = b"\x00\x00\x00\x18ftypmp42" + bytes(64)


async def test_it_is_ready_and_read_there_with_the_bearer() -> None:
    async with (
        Sandbox(SandboxOptions(speed=10_000, max_short_side_px=64)) as sandbox,
        HttpClient(max_connections=10, clock=SystemClock()) as http,
    ):
        provider = an_imagine(http, sandbox.url)
        job = await provider.submit(a_request("a cat [[moved]]"))
        poller = provider.watch(job.provider_id)
        async with asyncio.timeout(100):
            while not isinstance(await poller.poll(), Ready):
                pass
        async with provider.open_asset(job.provider_id, range_header="bytes=0-11") as asset:
            assert (await anext(asset.chunks))[4:8] == b"ftyp"


@dataclass
class Upstream:
    """Tells of a video at another origin than its own."""

    told: str = ""
    bearers: list[str | None] = field(default_factory=list)

    async def status(self, _request: web.Request) -> web.Response:
        asset = {"status": "finished", "url": {"generation": [self.told]}}
        return web.json_response({"status": "finished", "assets": [asset]})

    async def film(self, request: web.Request) -> web.Response:
        self.bearers.append(request.headers.get("Authorization"))
        return web.Response(body=FILM, content_type="video/mp4")


async def serving(stack: AsyncExitStack, route: web.RouteDef) -> str:
    """The base of a server with one route."""
    app = web.Application()
    app.add_routes([route])
    runner = web.AppRunner(app)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.mark.parametrize("address", ["{stranger}/film", "file:///etc/passwd", "http://", "none"])
async def test_an_address_inside_that_no_setting_names_is_not_asked(
    stack: AsyncExitStack, address: str
) -> None:
    upstream = Upstream()
    base = await serving(stack, web.get("/v1/assets/{id}/status", upstream.status))
    stranger = await serving(stack, web.get("/film", upstream.film))
    upstream.told = address.format(stranger=stranger)
    async with HttpClient(max_connections=10, clock=SystemClock()) as http:
        provider = an_imagine(http, base)
        assert isinstance(await provider.watch("x").poll(), Running)
        with pytest.raises((VideoExpired, UpstreamError)):
            async with provider.open_asset("x"):
                pytest.fail("it was read")
    assert upstream.bearers == []
