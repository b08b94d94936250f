"""What is written together is sent together, and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from reelgate.http.protocol import MAX_HELD_BYTES, CoalescingTransport

LARGE = b"l" * (MAX_HELD_BYTES + 1)


async def received(act: Callable[[CoalescingTransport], None]) -> tuple[int, bytes]:
    """What a client gets of a server that does this on each connection: first read, all bytes."""
    loop = asyncio.get_running_loop()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            act(CoalescingTransport(transport, loop))

    server = await loop.create_server(Server, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        first = await reader.read(2 * len(LARGE))
        rest = await reader.read(-1)
        writer.close()
    return len(first), first + rest


@pytest.mark.parametrize("last", ["close", "write_eof"])
async def test_a_head_and_its_body_arrive_at_once(last: str) -> None:
    def act(transport: CoalescingTransport) -> None:
        transport.write(b"head")
        transport.write(b"body")
        asyncio.get_running_loop().call_later(0.05, getattr(transport, last))

    assert await received(act) == (8, b"headbody")


@pytest.mark.parametrize(
    "pieces", [(b"a", LARGE, b"c"), (LARGE, b"b"), (b"a", b"", b"c"), (LARGE, LARGE)]
)
async def test_pieces_of_any_size_arrive_in_their_order(pieces: Sequence[bytes]) -> None:
    def act(transport: CoalescingTransport) -> None:
        for piece in pieces:
            transport.write(piece)
        transport.close()

    assert (await received(act))[1] == b"".join(pieces)


async def test_what_is_held_is_dropped_with_the_connection() -> None:
    def act(transport: CoalescingTransport) -> None:
        transport.write(b"head")
        transport.abort()

    assert await received(act) == (0, b"")
