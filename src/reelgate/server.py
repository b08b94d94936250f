"""Serves a gateway over HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from reelgate.gateway import open_gateway
from reelgate.http.app import create_app
from reelgate.http.context import Context
from reelgate.settings import Settings

BACKLOG = 4096
"""Connections that may wait to be accepted: a crowd arrives at once."""
KEEP_ALIVE_S = 75
"""Longer than the idle limit of most proxies, so that it is they who close first."""


class Server(uvicorn.Server):
    """Uvicorn, told to let the blocking callers go before it waits for them."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer those who wait, then stop."""
        self._context.service.close()
        await super().shutdown(sockets)


class EmbeddedServer(Server):
    """A server in somebody else's program, to whom the signals belong."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on.

    Raises:
        OSError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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
    """How this gateway is served."""
    return uvicorn.Config(
        create_app(context),
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(context.settings.shutdown_grace_s)),
    )


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    async with open_gateway(settings) as context:
        await Server(http_config(context), context).serve(sockets=[listener])


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[str]:
    """A gateway in this event loop for as long as the context lasts; yields its address."""
    listener = listen(settings)
    async with open_gateway(settings) as context:
        server = EmbeddedServer(http_config(context), context)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await server.listening.wait()
        try:
            yield url_of(listener)
        finally:
            server.should_exit = True
            await serving
