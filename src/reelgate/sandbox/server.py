"""The running sandbox: one aiohttp server and what it needs, embedded or alone."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import web

from reelgate.sandbox.account import Account
from reelgate.sandbox.control import Control
from reelgate.sandbox.fault_desk import FaultDesk
from reelgate.sandbox.jobs import JobBook, WallClock
from reelgate.sandbox.options import SandboxOptions
from reelgate.sandbox.provider import Provider
from reelgate.sandbox.recorder import Recorder
from reelgate.sandbox.renderer import Renderer
from reelgate.sandbox.routes import Routes

if TYPE_CHECKING:
    from types import TracebackType

MARK = "Reelgate-Sandbox"
"""The header on every answer, so that nobody takes a sandbox video for a real one."""

BACKLOG = 4096
SHUTDOWN_S = 1.0
IPV6 = 6


class Sandbox:
    """A stand-in for imagine.art on its own port, in the caller's event loop.

    Used as `async with Sandbox(options) as sandbox:`; `sandbox.url` is then its base, and
    `{url}/v1`, `{url}/processed`, `{url}/auth` and `{url}/team` stand for the provider's hosts.

    Attributes:
        url: The base, such as `http://127.0.0.1:9000`; empty before the start.
    """

    def __init__(self, options: SandboxOptions | None = None) -> None:
        self.options = options or SandboxOptions()
        self.url = ""
        self._provider: Provider | None = None
        self._stack = AsyncExitStack()

    @property
    def provider(self) -> Provider:
        """What is behind the endpoints: record, jobs, fault desk and account.

        Raises:
            RuntimeError: If the sandbox is not running.
        """
        if self._provider is None:
            raise RuntimeError("the sandbox is not running")
        return self._provider

    @property
    def recorder(self) -> Recorder:
        """The requests it saw."""
        return self.provider.recorder

    @property
    def jobs(self) -> JobBook:
        """The jobs it accepted."""
        return self.provider.jobs

    @property
    def faults(self) -> FaultDesk:
        """Where faults are armed."""
        return self.provider.desk

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._provider = _build_provider(self.options, self._folder(stack))
            stack.callback(self._provider.jobs.close)
            stack.push_async_callback(self._provider.renderer.close)
            runner = web.AppRunner(
                _build_app(self._provider),
                access_log=None,
                shutdown_timeout=SHUTDOWN_S,
                handler_cancellation=True,
            )
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            site = web.TCPSite(runner, self.options.host, self.options.port, backlog=BACKLOG)
            await site.start()
            address, port, *_ = runner.addresses[0]
            self.url = _url(str(address), int(port))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
        self._provider = None

    def _folder(self, stack: AsyncExitStack) -> Path:
        if self.options.data_dir is not None:
            return self.options.data_dir
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reelgate-sandbox-")))


def run_sandbox(options: SandboxOptions) -> None:
    """Run a sandbox until SIGINT or SIGTERM, and say where it listens on standard error.

    Raises:
        OSError: If the port is taken.
    """
    asyncio.run(_run(options))


async def _run(options: SandboxOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Sandbox(options) as sandbox:
        sys.stderr.write(f"Sandbox (not imagine.art) on {sandbox.url}, speed {options.speed:g}\n")
        await stop.wait()


def _build_provider(options: SandboxOptions, folder: Path) -> Provider:
    folder.mkdir(parents=True, exist_ok=True)
    return Provider(
        options=options,
        account=Account(
            token=options.token, refresh_token=options.refresh_token, balance=options.credits
        ),
        jobs=JobBook(folder / "jobs.jsonl" if options.data_dir else None),
        renderer=Renderer(
            folder / "clips",
            workers=options.render_workers,
            max_cache_bytes=options.max_cache_bytes,
        ),
        desk=FaultDesk(),
        recorder=Recorder(options.max_records),
        clock=WallClock(),
        uploads=folder / "uploads",
    )


def _build_app(provider: Provider) -> web.Application:
    app = web.Application(client_max_size=provider.options.max_request_bytes)
    app.add_routes(Control(provider).table())
    app.add_routes(Routes(provider).table())
    app.on_response_prepare.append(_mark)
    return app


async def _mark(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[MARK] = "true"


def _url(address: str, port: int) -> str:
    """Write a base that can be called: a wildcard address is reached by loopback."""
    bound = ip_address(address)
    loopback = "::1" if bound.version == IPV6 else "127.0.0.1"
    reachable = loopback if bound.is_unspecified else address
    return f"http://[{reachable}]:{port}" if bound.version == IPV6 else f"http://{reachable}:{port}"
