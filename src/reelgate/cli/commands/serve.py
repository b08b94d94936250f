"""`reelgate serve`: the gateway itself."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

import typer
from uvloop import new_event_loop

from reelgate.cli.app import command_app
from reelgate.cli.config import check_account, load_settings
from reelgate.cli.console import say
from reelgate.cli.database import in_database
from reelgate.cli.exits import CliError, ExitCode, in_one_line
from reelgate.cli.listening import Access, banner, cannot_listen, may_listen, not_open
from reelgate.clock import SystemClock
from reelgate.db.api_keys import ApiKeys
from reelgate.db.database import Database
from reelgate.domain.api_keys import KeyStanding
from reelgate.logs import configure_log
from reelgate.runtime import server
from reelgate.runtime.shutdown import end_at_signals
from reelgate.runtime.signin import with_sign_in
from reelgate.runtime.workers import Supervisor, WorkerFailed, serving_for, worker_command
from reelgate.settings import Settings

app = command_app()

ONE_PROCESS = (
    "--workers needs a database that several processes can use: set REELGATE_DATABASE_URL to a"
    " Postgres, or serve by one process"
)
Ready = Callable[[], None]
"""Called once the gateway is at work."""


@app.command(no_args_is_help=False)
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port to listen on; 0: a free one.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that serve; several need Postgres.")
    ] = 1,
    inherit: Annotated[tuple[int, int] | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM. Jobs on their way go on at the next start.

    Every setting is an environment variable or a line in `.env`; REELGATE_HOST, REELGATE_PORT
    and PORT say where to listen.
    """
    end_at_signals()
    settings = load_settings(host=host, port=port)
    if inherit is not None:
        serve_for_parent(settings, *inherit)
        return
    if workers > 1 and not settings.shares_database:
        raise CliError(ONE_PROCESS, ExitCode.USAGE, code="invalid_settings")
    keys, settings = in_database(partial(read_kept, settings), settings)
    access = may_listen(settings, has_keys=keys is KeyStanding.ACTIVE)
    if access is Access.FORBIDDEN:
        raise not_open(settings.host)
    check_account(settings)
    configure_log(settings.log_level, settings.log_format, settings.secrets)
    listener = listen(settings)
    url = server.url_of(listener)

    def ready() -> None:
        for line, style in banner(settings, url, access, keys, SystemClock().now()):
            say(line, style)

    if workers > 1:
        supervise(settings, listener, workers, ready)
    else:
        run_server(lambda begun: server.serve(settings, listener, begun), ready)


def supervise(
    settings: Settings, listener: socket.socket, count: int, ready: Callable[[], None]
) -> None:
    """Serve by several processes.

    Raises:
        CliError: they cannot work with these settings; the first of them has said why.
    """
    command = worker_command(settings.host, listener.getsockname()[1])
    listener.listen(server.BACKLOG)
    try:
        asyncio.run(Supervisor(command, listener, ready).run(count))
    except WorkerFailed as error:
        raise typer.Exit(error.code) from error


def serve_for_parent(settings: Settings, listener: int, parent: int) -> None:
    """Serve on a socket that the parent listens on, as long as that lives.

    Raises:
        CliError: the gateway cannot work with these settings.
    """
    _, settings = in_database(partial(read_kept, settings), settings)
    configure_log(settings.log_level, settings.log_format, settings.secrets)
    sockets = socket.socket(fileno=listener), socket.socket(fileno=parent)
    run_server(
        lambda begun: server.serve(settings, sockets[0], begun, shares_port=True),
        serving_for(sockets[1]),
    )


async def read_kept(settings: Settings, database: Database) -> tuple[KeyStanding, Settings]:
    """How the keys stand, and the settings, which know whether somebody has signed in."""
    known = None if settings.bootstrap_key else await ApiKeys(database).known()
    keys = KeyStanding.ACTIVE if known is None else known.standing
    return keys, settings if settings.configured else await with_sign_in(settings, database)


def listen(settings: Settings) -> socket.socket:
    """The socket to serve on.

    Raises:
        CliError: the address cannot be had.
    """
    try:
        return server.listen(settings)
    except OSError as error:
        raise cannot_listen(error, settings.host, settings.port) from error


def run_server(serving: Callable[[Ready], Coroutine[Any, Any, None]], ready: Ready) -> None:
    """Serve to the end.

    Raises:
        CliError: the gateway cannot work with these settings.
    """
    started = False

    def begun() -> None:
        nonlocal started
        started = True
        ready()

    try:
        with in_one_line(), asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serving(begun))
    except CliError as error:
        if started and error.code == "internal_error" and error.__cause__ is not None:
            # No matter of the settings: whoever mends it needs the traceback.
            raise error.__cause__ from None
        raise
