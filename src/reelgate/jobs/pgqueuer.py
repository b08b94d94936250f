"""The queue in Postgres: everything here that knows PgQueuer.

It is used through its documented interface (`Queries`, `SyncQueries`, `QueueManager`, the port
`Driver`, and a periodic DELETE from its log), except for one thing that it has no interface for:
`queue_manager_id` is set, and the table `pgqueuer` read and written, so that a killed process's
jobs go on within 4 s. With PgQueuer's heartbeats alone a chaos run measured 20 s at the 99th
percentile (docs/chaos.md, "What it found"). The dependency is pinned below its next minor version
because of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import asyncpg
import structlog
from pgqueuer import AsyncpgPoolDriver, Job, Queries, QueueManager, RetryRequested
from pgqueuer.models import TableChangedEvent, TracebackRecord
from pgqueuer.ports.driver import NotifyCallback
from pgqueuer.queries import SyncQueries
from pgqueuer.types import JOB_STATUS, QueueManagerId
from sqlalchemy import Connection

from reelgate.db.errors import cause_of, is_away
from reelgate.db.postgres.server import (
    DRIVER_ERRORS,
    MIGRATION_LOCK,
    Server,
    is_connection_error,
)
from reelgate.domain.video import Video
from reelgate.jobs.engine import ReleaseJob, RunJob, TakenOver
from reelgate.retrying import Failed, retry

log = structlog.get_logger()
T = TypeVar("T")

INSTALL_LOCK = MIGRATION_LOCK + 1
ENTRYPOINT = "carry_video"


class SharedQueue(Queries):
    """PgQueuer's queries, for jobs that other processes may have taken over meanwhile."""

    def __init__(self, driver: ReconnectingDriver) -> None:
        super().__init__(driver)
        self._not_ours: set[int] = set()

    @property
    def channel(self) -> str:
        """Where the server notifies of changes to the queue."""
        return self.qbe.settings.channel

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
        """Put a job back, and notify the others: PgQueuer itself notifies of new jobs only."""
        await super().retry_job(job, delay, traceback_record)
        if not delay:
            await self.notify()

    async def notify(self) -> None:
        """Let every process look at the queue."""
        event = TableChangedEvent(
            channel=self.qbe.settings.channel,
            sent_at=datetime.now(UTC),
            type="table_changed_event",
            operation="update",
            table=self.qbe.settings.queue_table,
        )
        await self.driver.notify(self.channel, event.model_dump_json())


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


class InTransaction:
    """PgQueuer's way to the database inside a transaction of SQLAlchemy's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """The rows of a query."""
        rows = self._connection.exec_driver_sql(query, args).mappings()
        return [dict(row) for row in rows]


def queue_up(connection: Connection, video_id: str) -> None:
    """Put a video into the queue in the transaction that makes it."""
    queries = SyncQueries(InTransaction(connection))
    queries.enqueue(ENTRYPOINT, video_id.encode(), dedupe_key=video_id, on_conflict="skip")


PICKED_BY = "SELECT DISTINCT queue_manager_id AS process FROM pgqueuer WHERE status = 'picked'"
PUT_BACK = """
    UPDATE pgqueuer SET status = 'queued', queue_manager_id = NULL, updated = now()
    WHERE status = 'picked' AND queue_manager_id = ANY($1::uuid[])
"""
LOST = """
    SELECT id FROM videos
    WHERE state NOT IN ('completed', 'failed') AND provider = ANY($1::text[]) AND NOT EXISTS (
        SELECT FROM pgqueuer WHERE dedupe_key = videos.id AND status IN ('queued', 'picked')
    )
"""
FORGET_LOG = "DELETE FROM pgqueuer_log WHERE created < now() - interval '1 day'"


async def processes_at_work(connection: asyncpg.Connection) -> set[UUID]:
    """Under which ids jobs are taken out of the queue now."""
    # asyncpg's own UUIDs equal and hash as the standard ones do.
    return {row["process"] for row in await connection.fetch(PICKED_BY)}


async def put_back_jobs_of(connection: asyncpg.Connection, processes: Iterable[UUID]) -> str:
    """Queue again what these processes had taken; returns what the server says of it."""
    told: str = await connection.execute(PUT_BACK, list(processes))
    return told


async def unqueued_videos(connection: asyncpg.Connection, providers: Sequence[str]) -> list[str]:
    """The unfinished videos that are not in the queue."""
    return [row["id"] for row in await connection.fetch(LOST, providers)]


async def forget_log(connection: asyncpg.Connection) -> None:
    """Remove what PgQueuer has noted of old jobs."""
    await connection.execute(FORGET_LOG)


RETRY_S = 0.5


class ReconnectingDriver(AsyncpgPoolDriver):
    """PgQueuer's way to the database: it waits for a database that is away.

    PgQueuer gives up at the first error and would then take no new work before its last job has
    ended, or forget a job that it could not put back while the disk was full. All its statements
    may be run twice: what was taken by a lost answer is taken over when its heartbeat is missed.
    """

    def __init__(self, pool: asyncpg.Pool, server: Server) -> None:
        super().__init__(pool)
        self._outage = server.outage
        self._patience = server.patience
        self._callbacks: list[NotifyCallback] = []

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        """Run a query, again while the connection is broken or the server is out of room."""
        return await self._retried(lambda: super(ReconnectingDriver, self).fetch(query, *args))

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement, again while that may help."""
        return await self._retried(lambda: super(ReconnectingDriver, self).execute(query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        """Notify every process."""
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Hear of changes to the queue; PgQueuer knows only the one channel."""
        del channel
        self._callbacks = [callback]

    async def remove_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Hear of nothing more."""
        del channel, callback
        self._callbacks = []

    def notified(self, payload: str) -> None:
        """The queue has changed: for the listen connection to call."""
        for callback in self._callbacks:
            callback(payload)

    def end(self) -> None:
        """Try for a few seconds more and then no longer; the first call counts."""
        self._patience.end()
        self.shutdown.set()

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        result = await retry(attempt, self._pause_s)
        self._outage.worked()
        return result

    def _pause_s(self, failed: Failed) -> float | None:
        error = failed.error
        if not isinstance(error, DRIVER_ERRORS):
            return None
        is_broken = is_connection_error(error)
        if self._patience.is_over or not (is_broken or is_away(error)):
            return None
        self._outage.failed(cause_of(error), needs_proof=not is_broken)
        return RETRY_S


RESTART_S = 1.0


@dataclass(frozen=True, slots=True)
class Intervals:
    """How the queue is worked through.

    Attributes:
        batch: jobs taken at once.
        poll: how often the queue is asked when no notification comes.
        heartbeat_timeout: a job whose process's heartbeat is so old is taken over.
    """

    batch: int
    poll: timedelta
    heartbeat_timeout: timedelta


class QueueEngine:
    """The queue between those who ask for videos and the worker that runs them."""

    def __init__(
        self,
        run: RunJob,
        queue: Queries,
        intervals: Intervals,
        process: UUID,
        leave: Callable[[Job], None] = lambda _: None,
        at_pause: Callable[[], None] = lambda: None,
    ) -> None:
        """Set the queue up.

        `process` is the id under which jobs are taken out of the queue here; `leave` is called
        with a job that has ended here but not in the queue, `at_pause` when no more is taken.
        """
        self._run_job = run
        self._queue = queue
        self._intervals = intervals
        self._process = QueueManagerId(process)
        self._leave = leave
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

    async def resume(self, video: Video) -> None:
        """Put a video that had ended into the queue again."""
        await self.put_back(video.id)

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
        """Take no more work and return once the worker has let go of what it runs."""
        self.pause()
        if self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        while not self._stopping:
            manager = self._manager()
            try:
                await manager.run(
                    batch_size=self._intervals.batch,
                    dequeue_timeout=self._intervals.poll,
                    heartbeat_timeout=self._intervals.heartbeat_timeout,
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
        manager.queue_manager_id = self._process
        manager.entrypoint(ENTRYPOINT)(self._handle)
        self._managers.append(manager)
        return manager

    async def _handle(self, job: Job) -> None:
        try:
            await self._run_job((job.payload or b"").decode())
        except ReleaseJob as stop:
            raise RetryRequested(timedelta(seconds=stop.delay_s)) from stop
        except TakenOver:
            self._leave(job)
