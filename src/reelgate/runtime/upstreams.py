"""The upstreams that the settings name, or the sandbox in their place."""

from __future__ import annotations

from contextlib import AsyncExitStack
from importlib import import_module

import structlog

from reelgate.clock import SystemClock
from reelgate.errors import UpstreamUnauthorized
from reelgate.net.client import HttpClient
from reelgate.net.open_files import for_requests
from reelgate.providers.base import Provider
from reelgate.providers.imagine.build import build_sandboxed
from reelgate.providers.registry import build_providers
from reelgate.settings import Settings

log = structlog.get_logger()

MAX_CONNECTIONS = 1000
"""To the upstream, in each of the client's two pools."""
SANDBOX_PATH = "/sandbox/processed"
"""Where the gateway passes the sandbox's videos through."""


async def start_providers(settings: Settings, stack: AsyncExitStack) -> dict[str, Provider]:
    """The upstreams that the settings name, or the sandbox where they name none.

    Raises:
        UpstreamUnauthorized: they name none, and the sandbox is off.
    """
    clock = SystemClock()
    http = await stack.enter_async_context(
        HttpClient(max_connections=for_requests(MAX_CONNECTIONS), clock=clock)
    )
    if not settings.uses_sandbox:
        return build_providers(http, settings, clock)
    if settings.sandbox == "off":
        message = "IMAGINE_TOKEN is empty, and REELGATE_SANDBOX=off: there is nobody to make videos"
        raise UpstreamUnauthorized(message)
    log.info("sandbox", note="no IMAGINE_TOKEN: videos are made by the sandbox, not for real")
    provider = build_sandboxed(
        http,
        clock,
        sandbox_url=settings.sandbox_url or await start_sandbox(settings, stack),
        speed=settings.sandbox_speed,
        public_asset_url=SANDBOX_PATH,
    )
    return {provider.name: provider}


async def start_sandbox(settings: Settings, stack: AsyncExitStack) -> str:
    """A sandbox inside this process; returns its address."""
    # A server of its own takes 0.1 s to load, and a gateway with an account does without it.
    room = import_module("reelgate.sandbox")
    # Its jobs survive a restart together with the gateway's.
    options = room.SandboxOptions(
        speed=settings.sandbox_speed, data_dir=settings.data_dir / "sandbox"
    )
    url: str = (await stack.enter_async_context(room.Sandbox(options))).url
    return url
