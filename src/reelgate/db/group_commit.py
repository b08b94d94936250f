"""Many writes, one transaction.

A commit waits for the disk, and one commit for each change bounds a gateway to a few dozen jobs a
second. Writes that arrive while a commit is under way, or soon after it began, are collected and go
together in the next one; a lone write goes at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work = Callable[[Connection], T]
"""One unit of work: a function of a connection, which may be run again after a rollback."""

MAX_BATCH = 256
"""Units in one transaction: enough to make its commit cheap, few enough to keep it short."""
MIN_INTERVAL_S = 0.02
"""From the beginning of one commit to the next: a transaction costs more than a unit in it."""


def run_all(connection: Connection, batch: Sequence[Work[Any]]) -> list[Any]:
    return [work(connection) for work in batch]


class GroupCommit:
    """Runs units of work in batches, in the order in which they came."""

    def __init__(
        self,
        run: Callable[[Sequence[Work[Any]]], Awaitable[list[Any]]],
        is_connection_error: Callable[[BaseException], bool],
    ) -> None:
        """`run` does all units in one transaction, or raises having done none of them.

        `is_connection_error` tells whether that was nobody's fault: no unit would do better alone.
        """
        self._run = run
        self._is_connection_error = is_connection_error
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._not_before_s = 0.0

    async def do(self, work: Work[T]) -> T:
        """Do the work and return its result once it is committed.

        Whoever stops waiting does not undo the work: it is committed all the same.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await done

    async def drain(self) -> None:
        """Wait until all work that was asked for has been done."""
        while self._flusher is not None and not self._flusher.done():
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._waiting:
            await asyncio.sleep(self._not_before_s - clock())
            self._not_before_s = clock() + MIN_INTERVAL_S
            size = min(len(self._waiting), MAX_BATCH)
            await self._commit([self._waiting.popleft() for _ in range(size)])

    async def _commit(self, batch: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        try:
            results = await self._run([work for work, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever asked
            await self._retry_separately(batch, error)
            return
        for (_, done), result in zip(batch, results, strict=True):
            if not done.done():
                done.set_result(result)

    async def _retry_separately(
        self, batch: list[tuple[Work[Any], asyncio.Future[Any]]], error: Exception
    ) -> None:
        """One bad unit must not fail its neighbours: each is tried again by itself."""
        if len(batch) > 1 and not self._is_connection_error(error):
            for unit in batch:
                await self._commit([unit])
            return
        for _, done in batch:
            if not done.done():
                done.set_exception(error)
