"""The two deployments: one process with SQLite, or many on a shared Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Protocol, cast

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from reelgate.clock import Clock, SystemClock
from reelgate.db.admission import no_queue
from reelgate.db.changes import Changes
from reelgate.db.database import Database, open_database, parse_url
from reelgate.db.migrate import migrate
from reelgate.db.private_files import private_folder
from reelgate.db.sqlite import SqliteDatabase, only_gateway_on, only_process_in
from reelgate.db.videos import Videos
from reelgate.errors import DatabaseAway, StorageFailed
from reelgate.jobs.engine import Engine, LocalEngine, RunJob
from reelgate.limits.account import Account, AccountLimits, LocalAccount
from reelgate.limits.rate import LocalRates, RequestRates
from reelgate.providers.registry import credential_variables
from reelgate.settings import Settings

if TYPE_CHECKING:
    from reelgate.db.postgres.database import PostgresDatabase


class Deployment(Protocol):
    """What differs between the two."""

    changes: Changes
    clock: Clock
    submit_lease_s: float
    """How long a submit found under way is left to its process, which may be alive."""
    transfers: bool
    """Whether other processes take over this one's jobs while it still answers its callers."""
    rates: RequestRates
    upstream_rates: RequestRates

    @property
    def database(self) -> Database:
        """Where everything is kept."""
        ...

    def queue_up(self, connection: Connection, video_id: str) -> None:
        """Put a new video into the queue, in the transaction that makes it."""
        ...

    def account(self, name: str, limits: AccountLimits) -> Account:
        """An upstream account, as all the processes that use it count it."""
        ...

    async def open_engine(
        self, run: RunJob, providers: Iterable[str], stack: AsyncExitStack
    ) -> Engine:
        """The engine, not yet started; `providers` are those whose jobs it runs."""
        ...

    async def begin(self, engine: Engine, videos: Videos, providers: Iterable[str]) -> None:
        """Start the engine, first with what an earlier process left behind."""
        ...


class SqliteDeployment:
    """One process, whose database is a file that no other uses."""

    submit_lease_s = 0.0
    transfers = False

    def __init__(self, database: Database) -> None:
        self.database = database
        self.changes = Changes()
        self.clock: Clock = SystemClock()
        self.rates: RequestRates = LocalRates(self.clock)
        self.upstream_rates: RequestRates = LocalRates(self.clock)

    def queue_up(self, connection: Connection, video_id: str) -> None:
        """The queue is not in the database."""
        no_queue(connection, video_id)

    def account(self, _name: str, _limits: AccountLimits) -> Account:
        """This process's own."""
        return LocalAccount(self.database)

    async def open_engine(
        self, run: RunJob, _providers: Iterable[str], _stack: AsyncExitStack
    ) -> Engine:
        """A task in this process for each video."""
        return LocalEngine(run)

    async def begin(self, engine: Engine, videos: Videos, providers: Iterable[str]) -> None:
        """All earlier callers have disconnected; every unfinished video is this process's own."""
        await videos.all_callers_disconnected()
        await engine.start(await videos.unfinished(providers))


@asynccontextmanager
async def open_deployment(settings: Settings) -> AsyncIterator[Deployment]:
    """The database, up to date, and the way to run on it.

    Raises:
        StorageFailed: the database or the data folder cannot be used.
    """
    async with AsyncExitStack() as stack:
        database = open_database(settings.database)
        if not database.is_shared:
            stack.enter_context(only_process_in(settings.data_dir))
        if isinstance(database, SqliteDatabase):
            stack.enter_context(only_gateway_on(database.path))
        stack.push_async_callback(database.close)
        await prepare_named(database, settings)
        database.outage.is_logged = True
        yield postgres_deployment(database) if database.is_shared else SqliteDeployment(database)


def postgres_deployment(database: Database) -> Deployment:
    """The deployment on a Postgres that many processes share."""
    # PgQueuer takes 0.3 s and 15 MB to load: a gateway alone with its database does without it.
    from reelgate.runtime.postgres import PostgresDeployment  # noqa: PLC0415

    return PostgresDeployment(cast("PostgresDatabase", database))


async def prepare_named(database: Database, settings: Settings) -> None:
    """Bring all tables up to date.

    Raises:
        StorageFailed: the database cannot be used; tells which one it is.
    """
    try:
        await prepare(database)
    except DatabaseAway as error:
        message = f"{error.message} (REELGATE_DATABASE_URL: {without_secrets(settings.database)})"
        raise DatabaseAway(message) from error


def without_secrets(database_url: str) -> str:
    """The address of a database without user, password and options."""
    url = parse_url(database_url)
    return URL.create(
        url.get_backend_name(), host=url.host, port=url.port, database=url.database
    ).render_as_string()


def make_folder(settings: Settings) -> None:
    """Make the data folder where it is missing.

    Raises:
        StorageFailed: it cannot be made, or not be written.
    """
    private_folder(settings.data_dir, f"the data folder {settings.data_dir} (REELGATE_DATA_DIR)")


def check_upstream_is_shared(settings: Settings) -> None:
    """A sandbox inside one process knows nothing of the jobs of another's.

    Raises:
        StorageFailed: each process would have a sandbox of its own.
    """
    own = settings.providers.values()
    is_shared = settings.sandbox_url or (own and all(account.sandbox_url for account in own))
    if not settings.configured and not is_shared:
        message = (
            "gateways that share a Postgres database must share one upstream too: set "
            f"{credential_variables()}, or REELGATE_SANDBOX_URL to a sandbox that runs "
            "(reelgate sandbox)"
        )
        raise StorageFailed(message)


async def prepare(database: Database) -> None:
    """Bring all tables up to date, the queue's as well; safe for many processes at once.

    Raises:
        StorageFailed: the database cannot be used.
    """
    await migrate(database)
    if database.is_shared:
        from reelgate.runtime.postgres import prepare_queue  # noqa: PLC0415 - see above

        await prepare_queue(cast("PostgresDatabase", database))


async def migrate_database(settings: Settings) -> None:
    """Bring the settings' database up to date, and do nothing else.

    Raises:
        StorageFailed: the database cannot be used.
    """
    database = open_database(settings.database)
    try:
        await prepare_named(database, settings)
    finally:
        await database.close()
