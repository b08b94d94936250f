"""The queue in Postgres: PgQueuer's tables and statements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pgqueuer import Job, Queries
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.domain.models import TableChangedEvent, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS
from pgqueuer.ports.driver import Driver
from sqlalchemy import Connection

from reelgate.engine.dispatch import ENTRYPOINT
from reelgate.store.postgres import MIGRATION_LOCK, Server

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
