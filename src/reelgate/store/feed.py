"""Brings the changes that other processes make to this one's subscribers."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog
from sqlalchemy import Connection, bindparam, select

from reelgate.errors import DatabaseAway, StorageFailed
from reelgate.store.changes import Changes
from reelgate.store.database import Database
from reelgate.store.line import Line
from reelgate.store.postgres import Server
from reelgate.store.rows import from_row
from reelgate.store.schema import CHANGES_CHANNEL, videos
from reelgate.video import Video

log = structlog.get_logger()

READ_BATCH = 500
RETRY_S = 1.0
FIND_ALL = select(videos).where(videos.c.id.in_(bindparam("the_ids", expanding=True)))


class Feed:
    """Reads what others changed and somebody here follows; nothing else costs a query."""

    def __init__(self, database: Database, server: Server, changes: Changes, line: Line) -> None:
        self._database = database
        self._sender = server.name
        self._changes = changes
        self._stale: set[str] = set()
        self._reading: asyncio.Task[None] | None = None
        line.listen(CHANGES_CHANNEL, self._heard)
        line.at_connect(self._catch_up)

    async def close(self) -> None:
        """Read nothing more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _heard(self, payload: str) -> None:
        video_id, _, sender = payload.partition(" ")
        if sender != self._sender and self._changes.has_followers(video_id):
            self._read_soon({video_id})

    async def _catch_up(self, _connection: asyncpg.Connection) -> None:
        """While the line was down anything may have happened."""
        self._read_soon(self._changes.followed())

    def _read_soon(self, video_ids: set[str]) -> None:
        self._stale |= video_ids
        if self._stale and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_stale())

    async def _read_stale(self) -> None:
        while self._stale:
            ids = [self._stale.pop() for _ in range(min(READ_BATCH, len(self._stale)))]
            with self._changes.overtaken(ids) as overtaken:
                try:
                    found = await self._find(ids)
                except StorageFailed as error:
                    if not isinstance(error, DatabaseAway):
                        log.warning("changes_not_read", error=error.message)
                    self._stale.update(ids)
                    await asyncio.sleep(RETRY_S)
                    continue
            for video in found:
                if video.id not in overtaken:
                    self._changes.publish(video)
            # What changed here while it was read may have been read too early: once more.
            self._stale |= overtaken

    async def _find(self, ids: list[str]) -> list[Video]:
        def read(connection: Connection) -> list[Video]:
            return [
                from_row(row) for row in connection.execute(FIND_ALL, {"the_ids": ids}).mappings()
            ]

        return await self._database.read(read)
