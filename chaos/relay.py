"""The network between the gateways and the upstream, which can be slow and can break."""

from __future__ import annotations

import asyncio

PIECE_BYTES = 65536


class Relay:
    """Passes connections on to one port; `delay_s` holds each piece back, `cut` breaks all."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.delay_s = 0.0
        self.port = 0

    async def start(self) -> None:
        """Listen, on the same port each time."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, backlog=1024, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and break what is open."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()

    def cut(self) -> int:
        """Reset every open connection; how many there were."""
        count = len(self._writers)
        for writer in self._writers:
            writer.transport.abort()
        return count // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, upstream[1]}
        try:
            await asyncio.gather(
                self._pass_on(reader, upstream[1]), self._pass_on(upstream[0], writer)
            )
        finally:
            for end in (writer, upstream[1]):
                self._writers.discard(end)
                end.close()

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """An end is passed on as an end and a break as a break: neither side may wait in vain."""
        try:
            while piece := await source.read(PIECE_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                target.write(piece)
                await target.drain()
            target.write_eof()
        except OSError:
            target.transport.abort()
