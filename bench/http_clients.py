"""HEAD requests for each CPU second of the client: `python bench/http_clients.py`.

Looks are most of what the gateway sends. The server is a process of its own, so that the client's
CPU time is its own too, and a busy machine does not disturb the figure much.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from multiprocessing.connection import Connection
from typing import cast

import aiohttp
import httpx2
import uvloop

from reelgate.net.client import HttpClient

ANSWER = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"
"""What an asset host says until a video is ready; an answer to HEAD has no body."""

Head = Callable[[], Awaitable[object]]
Open = Callable[[str, int, AsyncExitStack], Awaitable[Head]]


class Answering(asyncio.Protocol):
    """Answers every request the same way, as cheaply as can be."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, only alike.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """One answer for each request's end."""
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


def serve(told: Connection) -> None:
    uvloop.run(serving(told))


async def serving(told: Connection) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def with_ours(url: str, connections: int, stack: AsyncExitStack) -> Head:
    """The gateway's own client, as providers use it."""
    del connections
    client = await stack.enter_async_context(HttpClient())
    return lambda: client.request("HEAD", url, headers={}, timeout_s=10.0)


async def with_aiohttp(url: str, connections: int, stack: AsyncExitStack) -> Head:
    connector = aiohttp.TCPConnector(limit=connections)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def head() -> object:
        async with session.head(url, allow_redirects=False) as answer:
            return answer.status

    return head


async def with_httpx2(url: str, connections: int, stack: AsyncExitStack) -> Head:
    """One httpx2 client for all requests."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    client = await stack.enter_async_context(httpx2.AsyncClient(limits=limits, timeout=60.0))
    return lambda: client.head(url)


async def with_httpx2_each(url: str, connections: int, stack: AsyncExitStack) -> Head:
    """What everybody writes first: a client for each request, and with it a TLS context."""
    del connections, stack

    async def head() -> object:
        async with httpx2.AsyncClient(timeout=60.0) as client:
            return await client.head(url)

    return head


async def per_cpu_second(open_client: Open, url: str, connections: int, count: int) -> float:
    """Requests for each second of CPU of this process, so many under way at once."""
    async with AsyncExitStack() as stack:
        head = await open_client(url, connections, stack)
        await asyncio.gather(*(head() for _ in range(min(connections, count))))
        numbers = iter(range(count))

        async def caller() -> None:
            for _ in numbers:
                await head()

        began = time.process_time()
        await asyncio.gather(*(caller() for _ in range(connections)))
        return count / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--requests", type=int, default=10_000)
    asked = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}/processed/0"
    ways: dict[str, tuple[Open, int]] = {
        "reelgate's client (aiohttp)": (with_ours, asked.requests),
        "aiohttp, one session": (with_aiohttp, asked.requests),
        "httpx2, one client": (with_httpx2, max(1, asked.requests // 5)),
        "httpx2, a client a request": (with_httpx2_each, max(1, asked.requests // 50)),
    }
    libraries = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "httpx2", "uvloop"))
    print(f"{asked.connections} at once, Python {sys.version.split()[0]}, {libraries}")
    for name, (open_client, count) in ways.items():
        rate = uvloop.run(per_cpu_second(open_client, url, asked.connections, count))
        print(f"{name:30} {rate:8.0f} HEADs/CPU s")
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
