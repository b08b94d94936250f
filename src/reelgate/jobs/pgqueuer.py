"""The queue in Postgres, on PgQueuer: tables, driver and dispatch."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self, TypeVar
from uuid import UUID

import asyncpg
import structlog
from pgqueuer import Job, Queries, QueueManager, RetryRequested
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.models import TableChangedEvent, TracebackRecord
from pgqueuer.domain.settings import db_settings
from pgqueuer.domain.types import JOB_STATUS, QueueManagerId
from pgqueuer.ports import RepositoryPort
from pgqueuer.ports.driver import Driver, NotifyCallback
from sqlalchemy import Connection

from reelgate.db.errors import Outage, cause_of, is_away
from reelgate.db.postgres.listener import ListenConnection
from reelgate.db.postgres.server import DRIVER_ERRORS, MIGRATION_LOCK, Server, is_connection_error
from reelgate.domain.video import Video
from reelgate.jobs.engine import ReleaseJob, RunJob, TakenOver

INSTALL_LOCK = MIGRATION_LOCK + 1
ENQUEUE = QueryQueueBuilder().build_enqueue_query("skip")


class SharedQueue(Queries):
    """PgQueuer's queries, for jobs that other processes may have taken over meanwhile."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self._not_ours: set[int] = set()

    def leave(self, job: Job) -> None:
        """This job's row belongs to another process: it must outlive our part in the job."""
        self._not_ours.add(job.id)

    async def log_jobs(
        self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]
    ) -> None:
        """Take ended jobs out of the queue, but those that go on elsewhere."""
        ended = [entry for entry in job_status if entry[0].id not in self._not_ours]
        if ended:
            await super().log_jobs(ended)
        self._not_ours.difference_update(job.id for job, _, _ in job_status)

    async def retry_job(
        self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None
    ) -> None:
        """Put a job back, and tell the others: PgQueuer itself notifies of new jobs only."""
        await super().retry_job(job, delay, traceback_record)
        if not delay:
            await self.tell()

    async def tell(self) -> None:
        """Let every process look at the queue."""
        await self.driver.notify(self.qbe.settings.channel, self._changed())

    def _changed(self) -> str:
        event = TableChangedEvent(
            channel=self.qbe.settings.channel,
            sent_at=datetime.now(UTC),
            type="table_changed_event",
            operation="update",
            table=self.qbe.settings.queue_table,
        )
        return event.model_dump_json()


async def install_queue(server: Server) -> None:
    """Make PgQueuer's tables or bring them up to date; safe for many processes at once.

    Raises:
        OSError, asyncpg.PostgresError: the database cannot be used.
    """
    connection = await server.connect()
    try:
        # Held until the connection ends: PgQueuer's own lock covers upgrades only.
        await connection.execute("SELECT pg_advisory_lock($1)", INSTALL_LOCK)
        queries = Queries.from_asyncpg_connection(connection)
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install()
    finally:
        await connection.close()


def queue_up(connection: Connection, video_id: str) -> None:
    """Put a video into the queue in the transaction that makes it."""
    values = ([0], [ENTRYPOINT], [video_id.encode()], [timedelta(0)], [video_id], ["{}"])
    connection.exec_driver_sql(ENQUEUE, values)


T = TypeVar("T")

RETRY_S = 0.5
LAST_TRIES_S = 3.0
"""How long the database is tried once the process is about to end."""


class ReconnectingDriver(Driver):
    """PgQueuer's way to the database: it waits for a database that is away.

    PgQueuer gives up at the first error and would then take no new work before its last job has
    ended, or forget a job that it could not put back while the disk was full. All its statements
    may be run twice: what was taken by a lost answer is taken over when its heartbeat is missed.
    """

    def __init__(self, pool: asyncpg.Pool, line: ListenConnection, outage: Outage) -> None:
        self._pool = pool
        self._outage = outage
        self._ends_s = math.inf
        self._shutdown = asyncio.Event()
        self._line = line
        self._hearers: list[NotifyCallback] = []
        line.listen(db_settings().channel, self._heard)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run a query, again and again while the line is broken or the server is out of room."""

        async def attempt() -> list[dict[str, object]]:
            return [dict(row) for row in await self._pool.fetch(query, *args)]

        return await self._patiently(attempt)

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, again and again while that may help."""
        return await self._patiently(lambda: self._pool.execute(query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        """Tell every process."""
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Hear of changes to the queue; PgQueuer knows only the one channel."""
        del channel
        self._hearers = [callback]

    def end(self) -> None:
        """Be patient no longer; the first call counts."""
        if not self._shutdown.is_set():
            self._ends_s = asyncio.get_running_loop().time() + LAST_TRIES_S
            self._shutdown.set()

    @property
    def shutdown(self) -> asyncio.Event:
        """Set when the process is about to end."""
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        """Nothing runs in the background here."""
        return TaskManager()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hearers = []

    def _heard(self, payload: str) -> None:
        for hearer in self._hearers:
            hearer(payload)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        clock = asyncio.get_running_loop().time
        while True:
            try:
                result = await attempt()
            except DRIVER_ERRORS as error:
                is_broken = is_connection_error(error)
                if not (is_broken or is_away(error)) or clock() >= self._ends_s:
                    raise
                self._outage.failed(cause_of(error), needs_proof=not is_broken)
            else:
                self._outage.worked()
                return result
            await asyncio.sleep(RETRY_S)


log = structlog.get_logger()

ENTRYPOINT = "carry_video"
RESTART_S = 1.0


@dataclass(frozen=True, slots=True)
class Intervals:
    """How the queue is worked through.

    Attributes:
        batch: jobs taken at once.
        look_every: how often the queue is looked at when nothing is heard of it.
        heartbeat_timeout: a job whose carrier was not heard for so long is taken over.
    """

    batch: int
    look_every: timedelta
    heartbeat_timeout: timedelta


class QueueEngine:
    """The queue between those who ask for videos and the worker that carries them."""

    def __init__(
        self,
        carry: RunJob,
        queue: RepositoryPort,
        rhythm: Intervals,
        carrier: UUID,
        forget_only: Callable[[Job], None] = lambda _: None,
        at_pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Set the queue up.

        `carrier` is who takes jobs out of the queue here; `forget_only` is told a job that has
        ended here but not in the queue; `at_pause` is called when no more work is taken.
        """
        self._carry = carry
        self._queue = queue
        self._rhythm = rhythm
        self._carrier = QueueManagerId(carrier)
        self._forget_only = forget_only
        self._at_pause = at_pause
        self._managers: list[QueueManager] = []
        self._running: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self, unfinished: Iterable[str]) -> None:
        """Start taking work, first of all what an earlier process left behind."""
        await self.put_back(*unfinished)
        self._running = asyncio.create_task(self._run())

    async def enqueue(self, video: Video) -> None:
        """Nothing is left to do: the transaction that made a video put it into the queue."""

    async def put_back(self, *video_ids: str) -> None:
        """Put videos into the queue; one that is in it already stays as it is."""
        if not video_ids:
            return
        count = len(video_ids)
        payloads: list[bytes | None] = [video_id.encode() for video_id in video_ids]
        await self._queue.enqueue(
            [ENTRYPOINT] * count,
            payloads,
            [0] * count,
            dedupe_key=list(video_ids),
            on_conflict="skip",
        )

    def pause(self) -> None:
        """Take no more work."""
        self._stopping = True
        self._at_pause()
        for manager in self._managers:
            manager.shutdown.set()

    async def stop(self) -> None:
        """Take no more work and return once the worker has let go of what it carries."""
        self.pause()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        while not self._stopping:
            manager = self._manager()
            try:
                await manager.run(
                    batch_size=self._rhythm.batch,
                    dequeue_timeout=self._rhythm.look_every,
                    heartbeat_timeout=self._rhythm.heartbeat_timeout,
                    log_aggregation_interval=timedelta(0),
                )
            except Exception as error:
                if self._is_stopping():
                    # Whatever it was, others take over what is left.
                    log.warning("dispatch_cut_off", error=str(error))
                    break
                log.exception("dispatch_failed")
                await asyncio.sleep(RESTART_S)
            finally:
                self._managers.remove(manager)

    def _is_stopping(self) -> bool:
        return self._stopping

    def _manager(self) -> QueueManager:
        manager = QueueManager(self._queue)
        manager.queue_manager_id = self._carrier
        manager.entrypoint(ENTRYPOINT)(self._handle)
        self._managers.append(manager)
        return manager

    async def _handle(self, job: Job) -> None:
        try:
            await self._carry((job.payload or b"").decode())
        except ReleaseJob as stop:
            raise RetryRequested(timedelta(seconds=stop.delay_s)) from stop
        except TakenOver:
            self._forget_only(job)
