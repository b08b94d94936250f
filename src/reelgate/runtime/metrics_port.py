"""The port of this process's own metrics."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn

from reelgate.errors import ReelgateError
from reelgate.http.auth import Context
from reelgate.http.metrics import metrics_app
from reelgate.settings import Settings

log = structlog.get_logger()

PORTS = 64
"""How many processes of one machine may each have theirs, from the port that is set upwards."""


class MetricsServer(uvicorn.Server):
    """Uvicorn, which leaves signals to the gateway."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def metrics_port(context: Context) -> AsyncIterator[None]:
    """Serve the metrics on their own port where the settings name one.

    Raises:
        ReelgateError: there is no free port.
    """
    settings = context.settings
    if not settings.metrics_port:
        yield
        return
    with first_free(settings) as listener:
        log.info("metrics", port=listener.getsockname()[1], host=settings.metrics_host)
        config = uvicorn.Config(
            metrics_app(context),
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="error",
            server_header=False,
        )
        server = MetricsServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await serving


def first_free(settings: Settings) -> socket.socket:
    """A socket on the port that is set, or on the next that no other process has.

    Raises:
        ReelgateError: there is none.
    """
    family = socket.AF_INET6 if ":" in settings.metrics_host else socket.AF_INET
    last = min(settings.metrics_port + PORTS, 65536)
    for port in range(settings.metrics_port, last):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.metrics_host, port))
            listener.listen()
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                message = f"metrics cannot be served on {settings.metrics_host}: {error}"
                raise ReelgateError(message) from error
        else:
            return listener
    message = f"no port from {settings.metrics_port} to {last - 1} is free for metrics"
    raise ReelgateError(message)
