"""A TCP relay that loses answers: the request arrives, and the connection breaks then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

CHUNK_BYTES = 65536


class Relay:
    """Passes connections on, and drops the first answers."""

    def __init__(self, target: str, losses: int) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._losses = losses
        self.lost = 0
        self.url = ""

    def lose(self, answers: int) -> None:
        """Drop so many answers from now on."""
        self._losses = self.lost + answers

    async def serve(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        """One connection: both ways, until it ends or its answer is to be lost."""
        from_target, to_target = await asyncio.open_connection(*self._target)
        try:
            await first_done(pump(from_client, to_target), self._answers(from_target, to_client))
        finally:
            for writer in (to_client, to_target):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _answers(
        self, from_target: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        answer = await from_target.read(CHUNK_BYTES)
        if self.lost < self._losses:
            self.lost += 1
            return
        to_client.write(answer)
        await pump(from_target, to_client)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end."""
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()


async def first_done(*works: Coroutine[Any, Any, None]) -> None:
    """Do all at once and stop the rest when one has ended."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def losing_answers(target: str, losses: int = 1) -> AsyncIterator[Relay]:
    """A relay before a server, which loses the first answers."""
    relay = Relay(target, losses)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    relay.url = f"http://{host}:{port}"
    async with server:
        yield relay
