"""A way to a Postgres server that can be cut: to its clients the server is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.engine import make_url

CHUNK_BYTES = 65536


class Relay:
    """Passes bytes on, from a port of its own to the server's socket."""

    def __init__(self, database_url: str) -> None:
        self._url = make_url(database_url)
        self._socket = f"{self._url.query['host']}/.s.PGSQL.5432"
        self._server: asyncio.Server | None = None
        self._port = 0
        self._ends: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self._is_open = False
        self._flowing = asyncio.Event()

    @property
    def url(self) -> str:
        """The database, by way of here."""
        through = self._url.set(host="127.0.0.1", port=self._port, query={})
        return through.render_as_string(hide_password=False)

    async def open(self) -> None:
        """Let everybody through, at the same port as before."""
        self._is_open = True
        self._flowing.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Refuse every connection, and break those there are."""
        self._is_open = False
        if self._server is not None:
            self._server.close()
        self._flowing.set()
        for end in self._ends:
            end.transport.abort()

    async def close(self) -> None:
        """Leave nothing open."""
        self.cut()
        if self._passing:
            await asyncio.wait(self._passing)

    def freeze(self) -> None:
        """Take connections and say nothing, as a machine that has vanished."""
        self._flowing.clear()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._socket)
        ends = {writer, back}
        self._ends |= ends
        if not self._is_open:
            self.cut()
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        for end in ends:
            with suppress(ConnectionError):
                await end.wait_closed()
        self._ends -= ends

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(CHUNK_BYTES):
                await self._flowing.wait()
                target.write(chunk)
                await target.drain()
        target.close()


@asynccontextmanager
async def relayed(database_url: str) -> AsyncIterator[Relay]:
    """A relay that is open."""
    relay = Relay(database_url)
    await relay.open()
    try:
        yield relay
    finally:
        await relay.close()
