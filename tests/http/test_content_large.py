"""A long video's download takes no more memory than a short one's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from tests.e2e.gateway.processes import start_gateway
from tests.gateway import Gateway, callers, settings_values

from .files import grow
from .jobs import VIDEOS, JobsGateway

FILM_BYTES = 200_000_000
READERS = 4
# Each reader has a chunk or two of half a megabyte on its way; the rest is the allocator's.
ROOM_BYTES = 40_000_000


async def test_200_mb_are_streamed_in_constant_memory(tmp_path: Path, sandbox_url: str) -> None:
    program = start_gateway(settings_values(tmp_path, sandbox_url), tmp_path / "log")
    async with callers() as session:
        gateway = JobsGateway(program.url, session, tmp_path, sandbox_url)
        video = await gateway.finished()
        assert await read(gateway, video["id"]) > 0
        await asyncio.to_thread(grow, tmp_path, video["id"], FILM_BYTES)
        memory = Memory(program._process.pid or 0)
        before = memory.peak_bytes()
        sizes = await asyncio.gather(*(read(gateway, video["id"]) for _ in range(READERS)))
        assert sizes == [FILM_BYTES] * READERS
        assert memory.peak_bytes() - before < ROOM_BYTES
    program.terminate()
    assert program.ended() == 0


class Memory:
    """A process's memory, as Linux counts it (proc_pid_status(5), proc_pid_clear_refs(5))."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        (self._folder / "clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        """The most it has had since this object was made."""
        status = (self._folder / "status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024


async def read(gateway: Gateway, video_id: str) -> int:
    """Download a video and throw it away; its length in bytes."""
    url = f"{gateway.url}{VIDEOS}/{video_id}/content"
    timeout = aiohttp.ClientTimeout(total=60)
    async with gateway.session.get(url, timeout=timeout) as response:
        assert response.status == 200
        return sum([len(chunk) async for chunk in response.content.iter_any()])
