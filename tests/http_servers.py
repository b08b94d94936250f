"""Small real HTTP servers for tests, each of which answers everything in one way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A real HTTP server that answers everything with one function; yields its base address."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_bytes(raw: bytes) -> AsyncIterator[str]:
    """A server that answers the first bytes of anything with these, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(raw)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def forever() -> None:
    """Wait for what nobody ever does."""
    await asyncio.Event().wait()


def replying(status: int, body: str | bytes = "", **headers: str) -> Handler:
    """A handler that always says the same; `Content_Type` stands for `Content-Type`."""
    content = body.encode() if isinstance(body, str) else body
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}

    async def reply(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=content, headers=dashed)

    return reply
