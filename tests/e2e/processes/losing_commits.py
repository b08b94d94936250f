"""A relay before Postgres that loses a commit, or the answer to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

CHUNK_BYTES = 65536
COMMIT = b"COMMIT;"
PORT = 5432


class Relay:
    """Passes everything on but the commits that it was told to lose."""

    def __init__(self, server_url: str) -> None:
        parts = urlsplit(server_url)
        self._folder = parse_qs(parts.query).get("host", [""])[0]
        self._address = (parts.hostname, parts.port or PORT)
        self._database = parts.path
        self._after_server: bool | None = None
        self.url = ""
        self.lost = 0

    def lose_next_commit(self, *, after_server: bool) -> None:
        """Break the connection at the next commit: before the server hears of it, or after."""
        self._after_server = after_server

    def listen_on(self, port: int) -> None:
        self.url = f"postgresql://postgres@127.0.0.1:{port}{self._database}"

    async def serve(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        """One connection."""
        from_server, to_server = await self._connect()
        tasks = [
            asyncio.ensure_future(self._requests(from_client, from_server, to_server)),
            asyncio.ensure_future(self._answers(from_server, to_client)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in (to_client, to_server):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._folder:
            return await asyncio.open_unix_connection(f"{self._folder}/.s.PGSQL.{PORT}")
        return await asyncio.open_connection(*self._address)

    async def _requests(
        self,
        from_client: asyncio.StreamReader,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        while data := await from_client.read(CHUNK_BYTES):
            loses = COMMIT in data and self._after_server is not None
            if loses:
                self.lost += 1
                after_server, self._after_server = self._after_server, None
                if not after_server:
                    return
                self._deaf = from_server
            to_server.write(data)
            await to_server.drain()

    async def _answers(
        self, from_server: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        while data := await from_server.read(CHUNK_BYTES):
            if self._deaf is from_server:
                return
            to_client.write(data)
            await to_client.drain()

    _deaf: asyncio.StreamReader | None = None
    """The server's side of the connection whose next answer is lost."""


@asynccontextmanager
async def losing_commits(server_url: str) -> AsyncIterator[Relay]:
    """A relay before a server."""
    relay = Relay(server_url)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.listen_on(server.sockets[0].getsockname()[1])
    async with server:
        yield relay
