"""A listen connection to Postgres: notifications come in, heartbeats go out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import structlog
from sqlalchemy import Connection, bindparam, select

from reelgate.db.changes import Changes
from reelgate.db.database import Database
from reelgate.db.errors import cause_of
from reelgate.db.postgres.server import DRIVER_ERRORS, Server, is_connection_error
from reelgate.db.rows import from_row
from reelgate.db.schema import CHANGES_CHANNEL, videos
from reelgate.domain.video import Video
from reelgate.errors import DatabaseAway, StorageFailed

log = structlog.get_logger()

Listener = Callable[[str], None]
"""Takes a notification's payload."""
Task = Callable[[asyncpg.Connection], Awaitable[None]]
"""Something to do on the connection."""

HEARTBEAT_S = 2.0
ANSWER_TIMEOUT_S = 10.0
"""A server that says nothing for so long is gone, whatever the socket says."""
RECONNECT_S = 0.5
KEEPALIVE = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}
"""The server must notice within seconds, not hours, that a machine has vanished: its session's
locks tell the others that its callers are gone."""


class ListenConnection:
    """Reconnects by itself. Set everything up before `open`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._listeners: dict[str, list[Listener]] = {}
        self._at_connect: list[Task] = []
        self._at_heartbeat: list[Task] = []
        self._connection: asyncpg.Connection | None = None
        self._lost = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    def listen(self, channel: str, listener: Listener) -> None:
        """Call a function with every notification on a channel."""
        self._listeners.setdefault(channel, []).append(listener)

    def at_connect(self, task: Task) -> None:
        """Do this on every new connection, once it listens."""
        self._at_connect.append(task)

    def at_heartbeat(self, task: Task) -> None:
        """Do this every few seconds."""
        self._at_heartbeat.append(task)

    async def open(self) -> None:
        """Connect and stay connected.

        Raises:
            OSError, asyncpg.PostgresError: the first connection fails.
        """
        await self._connect()
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Disconnect."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        self._disconnect()

    async def _keep(self) -> None:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._lost.wait()
            except TimeoutError:
                await self._do(self._at_heartbeat)
            else:
                await self._reconnect()

    async def _reconnect(self) -> None:
        self._disconnect()
        try:
            await self._connect()
        except DRIVER_ERRORS as error:
            self._server.outage.failed(cause_of(error), needs_proof=False)
            await asyncio.sleep(RECONNECT_S)
        else:
            log.debug("listen_connection_up")
            if self._lost.is_set():
                # The server lets us in and refuses the rest: its disk is full, perhaps.
                await asyncio.sleep(RECONNECT_S)

    async def _connect(self) -> None:
        connection = await self._server.connect(**KEEPALIVE)
        self._connection = connection
        self._lost.clear()
        connection.add_termination_listener(lambda _: self._lost.set())
        for channel, listeners in self._listeners.items():
            await connection.add_listener(channel, relay(listeners))
        await self._do(self._at_connect)

    async def _do(self, tasks: list[Task]) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                for task in tasks:
                    await task(connection)
            self._server.outage.worked()
        except DRIVER_ERRORS as error:
            self._server.outage.failed(cause_of(error), needs_proof=not is_connection_error(error))
            self._lost.set()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def relay(listeners: list[Listener]) -> Callable[..., None]:
    """An asyncpg listener that passes the payload on."""

    def notified(_connection: object, _pid: int, _channel: str, payload: str) -> None:
        for listener in listeners:
            listener(payload)

    return notified


READ_BATCH = 500
RETRY_S = 1.0
FIND_ALL = select(videos).where(videos.c.id.in_(bindparam("the_ids", expanding=True)))


class Feed:
    """Reads what others changed and somebody here follows; nothing else costs a query."""

    def __init__(
        self, database: Database, server: Server, changes: Changes, listener: ListenConnection
    ) -> None:
        self._database = database
        self._sender = server.name
        self._changes = changes
        self._stale: set[str] = set()
        self._reading: asyncio.Task[None] | None = None
        listener.listen(CHANGES_CHANNEL, self._notified)
        listener.at_connect(self._catch_up)

    async def close(self) -> None:
        """Read nothing more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _notified(self, payload: str) -> None:
        video_id, _, sender = payload.partition(" ")
        if sender != self._sender and self._changes.has_followers(video_id):
            self._read_soon({video_id})

    async def _catch_up(self, _connection: asyncpg.Connection) -> None:
        """While the connection was down anything may have changed."""
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
