"""Several gateways on one Postgres database and one sandbox, all of them in this process."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg

from reelgate.sandbox import Sandbox
from tests.databases import databases
from tests.gateway import Gateway, a_gateway, until

from .fleet import READ_PAUSE_S


class Gateways:
    """Each has a part of its own in what they share."""

    def __init__(self, folder: Path, sandbox: Sandbox, stack: AsyncExitStack) -> None:
        self.url = databases.url_of(folder)
        self.sandbox = sandbox
        self._folder = folder
        self._stack = stack

    async def start(self, **settings: object) -> Gateway:
        """Add one."""
        return await self._stack.enter_async_context(self.one(**settings))

    def one(self, **settings: object) -> AbstractAsyncContextManager[Gateway]:
        """One that hands its jobs over when the context ends."""
        return a_gateway(self._folder, self.sandbox.url, **settings)

    async def rows(self, *prompts: str) -> list[dict[str, Any]]:
        """The videos of these prompts; all where none is named."""
        rows = await asyncio.to_thread(databases.rows_of, self._folder)
        return [row for row in rows if not prompts or prompt_of(row) in prompts]

    async def until_all_are(self, state: str, *prompts: str) -> None:
        async def are_all() -> bool:
            return {row["state"] for row in await self.rows(*prompts)} == {state}

        await until(are_all, pause_s=READ_PAUSE_S)

    async def account(self) -> dict[str, Any]:
        """What the gateways agree on."""
        connection = await asyncpg.connect(self.url)
        row = await connection.fetchrow("SELECT * FROM accounts")
        await connection.close()
        return dict(row or {})

    def jobs(self) -> list[dict[str, Any]]:
        """What the upstream accepted, in the order in which it did."""
        return [job.as_json() for job in self.sandbox.jobs]

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """What the upstream was asked, in the order in which it was."""
        seen = [request.as_json() for request in self.sandbox.recorder]
        return [request for request in seen if request["operation"] == operation]


def prompt_of(row: dict[str, Any]) -> str:
    return str(json.loads(row["request"])["prompt"])


def most_at_once(spans: list[tuple[float, float]]) -> int:
    """How many of these spans of time there are at once, at most."""
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)
