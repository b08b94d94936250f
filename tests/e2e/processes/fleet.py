"""Several gateways on one Postgres database, each in a process of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp

from reelgate.runtime.server import work
from reelgate.settings import Settings
from tests.databases import databases
from tests.e2e.gateway.processes import Program, print_to, start_gateway
from tests.gateway import Gateway, settings_values, until

READ_PAUSE_S = 0.1
"""To read the rows takes a connection, a thread and an event loop of their own."""


class Fleet:
    """The processes that run, in the order of their start."""

    def __init__(self, folder: Path, sandbox_url: str, session: aiohttp.ClientSession) -> None:
        self.url = databases.url_of(folder)
        self._folder = folder
        self._sandbox_url = sandbox_url
        self._session = session
        self._programs: list[Program] = []
        self.gateways: list[Gateway] = []

    async def start(self, **settings: object) -> Gateway:
        """Add a gateway."""
        values = settings_values(self._folder, self._sandbox_url, **settings)
        program = await asyncio.to_thread(start_gateway, values, self._folder / "log")
        gateway = Gateway(program.url, self._session, self._folder, self._sandbox_url)
        self._programs.append(program)
        self.gateways.append(gateway)
        return gateway

    async def start_worker(self) -> None:
        """Add a process that serves no HTTP; it does not count as a gateway."""
        values = settings_values(self._folder, self._sandbox_url)
        program = await asyncio.to_thread(Program, worker_main, self._folder / "log", values)
        self._programs.append(program)

    async def kill(self, number: int) -> None:
        """SIGKILL one; the others keep their numbers' order."""
        program = self._take(number)
        await asyncio.to_thread(program.kill)

    async def end(self, number: int) -> None:
        """SIGTERM one and wait for its end."""
        program = self._take(number)
        program.terminate()
        assert await asyncio.to_thread(program.ended) == 0

    def signal(self, number: int, what: signal.Signals) -> None:
        self._programs[number].signal(what)

    async def close(self) -> None:
        """Leave no process behind."""
        while self._programs:
            program = self._programs.pop()
            program.signal(signal.SIGCONT)
            await asyncio.to_thread(program.kill)

    def rows(self) -> list[dict[str, Any]]:
        return databases.rows_of(self._folder)

    async def until_rows(self, fit: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Wait until the table of videos is as asked."""

        async def fits() -> bool:
            return fit(await asyncio.to_thread(self.rows))

        await until(fits, pause_s=READ_PAUSE_S)

    async def until_all_are(self, state: str) -> None:
        await self.until_rows(lambda rows: {row["state"] for row in rows} == {state})

    def _take(self, number: int) -> Program:
        if number < len(self.gateways):
            del self.gateways[number]
        return self._programs.pop(number)


async def order(gateway: Gateway, prompt: str, key: dict[str, str] | None = None) -> None:
    """A job that nobody waits for; `key` is the header that brings an API key."""
    reply = await gateway.generate(prompt, headers={"Prefer": "respond-async", **(key or {})})
    assert reply.status == 202, reply.text


def worker_main(ready: Connection, log: Path, values: dict[str, Any]) -> None:
    """The process of `reelgate worker`."""
    print_to(log)
    asyncio.run(work(Settings.model_validate(values), lambda: ready.send("")))
