"""A gateway that is killed and started again on the same data, as seen by its callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.gateway import Gateway, callers, settings_values

from .processes import Program, start_gateway


class GatewayProcess:
    """One data folder, and the process that works in it, if any does.

    Attributes:
        gateway: Its callers; None while no process runs.
    """

    def __init__(self, data_dir: Path, settings: dict[str, object]) -> None:
        self.data_dir = data_dir
        self._settings = settings
        self._program: Program | None = None
        self._url = ""
        self._up = asyncio.Event()

    async def start(self) -> None:
        """Start a process."""
        log = self.data_dir / "log"
        self._program = await asyncio.to_thread(start_gateway, self._settings, log)
        self._url = self._program.url
        self._up.set()

    async def kill(self) -> None:
        """SIGKILL it."""
        self._up.clear()
        await asyncio.to_thread(self._running().kill)

    def terminate(self) -> None:
        """SIGTERM it."""
        self._up.clear()
        self._running().terminate()

    async def ended(self) -> int | None:
        """Wait for its end; its exit code."""
        program, self._program = self._running(), None
        return await asyncio.to_thread(program.ended)

    async def url(self) -> str:
        """Where the process that runs listens; waits for one."""
        await self._up.wait()
        return self._url

    async def close(self) -> None:
        """Leave no process behind."""
        if self._program is not None:
            await self.kill()

    def _running(self) -> Program:
        assert self._program is not None
        return self._program


@asynccontextmanager
async def a_gateway_process(
    data_dir: Path, sandbox_url: str, **settings: object
) -> AsyncIterator[GatewayProcess]:
    """A process whose gateway runs."""
    process = GatewayProcess(data_dir, settings_values(data_dir, sandbox_url, **settings))
    try:
        await process.start()
        yield process
    finally:
        await process.close()


@asynccontextmanager
async def client_of(process: GatewayProcess, sandbox_url: str) -> AsyncIterator[Gateway]:
    """Callers of the process that runs now."""
    async with callers() as session:
        yield Gateway(await process.url(), session, process.data_dir, sandbox_url)
