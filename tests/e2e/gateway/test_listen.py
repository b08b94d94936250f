"""The socket that a gateway serves on."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from reelgate.runtime.server import listen
from reelgate.settings import Settings


async def test_answers_go_out_at_once_on_any_event_loop(tmp_path: Path) -> None:
    """Nagle's algorithm would hold a body back until the caller acknowledged the head."""
    no_delay: asyncio.Queue[int] = asyncio.Queue()

    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours: socket.socket = writer.get_extra_info("socket")
        no_delay.put_nowait(ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()
        await writer.wait_closed()

    settings = Settings.model_validate({"_env_file": None, "data_dir": tmp_path, "port": 0})
    with listen(settings) as listener:
        async with await asyncio.start_server(meet, sock=listener):
            _, caller = await asyncio.open_connection(*listener.getsockname())
            assert await no_delay.get() == 1
            caller.close()
            await caller.wait_closed()
