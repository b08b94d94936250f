"""Serves a gateway over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from math import ceil

import structlog
import uvicorn

from reelgate.gc_tuning import freeze_startup_objects
from reelgate.http.app import create_app
from reelgate.http.auth import Context
from reelgate.http.connections import ConnectionLimits, Connections
from reelgate.http.protocol import protocol_of
from reelgate.net import open_files
from reelgate.net.address import leave_address, remove_address
from reelgate.runtime.gateway import open_gateway
from reelgate.runtime.metrics_port import metrics_port
from reelgate.runtime.shutdown import Shutdown
from reelgate.settings import Settings

log = structlog.get_logger()

BACKLOG = 4096
"""Connections that may wait to be accepted when many arrive at once."""
FINAL_RESPONSES_S = 3
"""How long the last responses may take once waiting callers are released."""
TICK_S = 0.1
KEEP_ALIVE_S = 75
"""Longer than the idle limit of most proxies, so that it is they who close first."""


class Server(uvicorn.Server):
    """Uvicorn, which releases blocking callers before it waits for their responses."""

    def __init__(self, config: uvicorn.Config, context: Context, url: str) -> None:
        super().__init__(config)
        self._context = context
        self._url = url
        self.listening = asyncio.Event()
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and write the address into the data folder, where the command line finds it."""
        await super().startup(sockets)
        leave_address(self._context.settings.data_dir, self._url)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more work, let callers wait for the grace period, answer them, then stop."""
        remove_address(self._context.settings.data_dir, self._url)
        service = self._context.service
        service.close()
        transferring = asyncio.ensure_future(self._context.transfer())
        releasing = asyncio.get_running_loop().call_later(
            self._context.settings.shutdown_grace_s, service.release_callers
        )
        await super().shutdown(sockets)
        releasing.cancel()
        service.release_callers()
        await transferring

    async def main_loop(self) -> None:
        """Tick ten times a second, as the framework expects, and stop at once when told to."""
        for tick in itertools.count():
            if await self.on_tick(tick):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_S)

    def stop(self) -> None:
        self.should_exit = True
        self._stopping.set()

    def hurry(self) -> None:
        """Shut down without waiting for callers."""
        self._context.service.release_callers()
        self.force_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `Shutdown`, which outlives this server."""
        yield


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol must be named: only where asyncio reads TCP does it switch Nagle's algorithm off.
    # An answer's body would otherwise wait 40 ms for the caller to acknowledge its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """The address at which this machine reaches a socket."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - it is only compared
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def http_config(context: Context) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(context),
        http=protocol_of(Connections(connection_limits(context.settings), context.proxies.trusts)),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        # A warning of it is about what a stranger sent, who must not fill the log.
        log_level="error",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=answering_s(context.settings),
    )


def connection_limits(settings: Settings) -> ConnectionLimits:
    """How many connections there may be, with the files that may be open now."""
    allowed = open_files.for_connections()
    total = min(settings.max_connections, allowed) if settings.max_connections else allowed
    return ConnectionLimits(
        total=total,
        per_address=settings.max_connections_per_address or max(total // 4, 1),
        head_timeout_s=settings.header_timeout_s,
    )


def raise_open_files() -> None:
    """Raise the limit of open files as far as allowed, and log it."""
    limit = open_files.raise_limit()
    log.info(
        "open_files",
        limit=limit,
        connections=open_files.for_connections(),
        kept_back=open_files.kept_back(),
    )


def answering_s(settings: Settings) -> int:
    """How long callers may still get responses once the gateway is stopping."""
    return ceil(settings.shutdown_grace_s) + FINAL_RESPONSES_S


async def serve(
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[], None] = lambda: None,
    *,
    shares_port: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: the gateway's.
        listener: what to serve on.
        ready: called once requests are answered.
        shares_port: whether other processes serve on it, too.
    """
    raise_open_files()
    with listener, Shutdown() as shutdown:
        async with open_gateway(settings, url_of(listener)) as opened:
            context = replace(opened, shares_port=shares_port)
            server = Server(http_config(context), context, url_of(listener))
            shutdown.begin(
                server.stop, server.hurry, context.submitting, answering_s=answering_s(settings)
            )
            freeze_startup_objects()
            announcing = asyncio.create_task(announce(server, ready))
            try:
                async with metrics_port(context):
                    await server.serve(sockets=[listener])
            finally:
                announcing.cancel()


async def announce(server: Server, ready: Callable[[], None]) -> None:
    """Call `ready` when the server listens."""
    await server.listening.wait()
    ready()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """A gateway in this event loop for as long as the context lasts; yields its address."""
    with listen(settings) as listener:
        url = url_of(listener)
        async with open_gateway(settings, url) as context:
            server = Server(http_config(context), context, url)
            async with metrics_port(context):
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                await server.listening.wait()
                try:
                    yield url
                finally:
                    server.stop()
                    await serving


async def work(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Run jobs without serving HTTP until SIGINT or SIGTERM.

    Raises:
        StorageFailed: the database cannot be used.
    """
    raise_open_files()
    stop = asyncio.Event()
    with Shutdown() as shutdown:
        async with open_gateway(settings) as context:
            shutdown.begin(stop.set, submitting=context.submitting)
            freeze_startup_objects()
            async with metrics_port(context):
                ready()
                await stop.wait()
