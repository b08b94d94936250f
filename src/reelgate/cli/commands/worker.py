"""`reelgate worker`: one more process for the jobs of a shared database."""

from reelgate.cli.app import command_app
from reelgate.cli.commands.serve import run_server
from reelgate.cli.config import check_account, load_settings
from reelgate.cli.console import say
from reelgate.cli.exits import CliError, ExitCode
from reelgate.cli.reach import known_sign_in
from reelgate.logs import configure_log
from reelgate.runtime import server
from reelgate.runtime.shutdown import end_at_signals

app = command_app()


@app.command(no_args_is_help=False)
def worker() -> None:
    """Run the jobs of a shared Postgres database until Ctrl-C or SIGTERM.

    It serves no HTTP; everything else is set as for `reelgate serve`, REELGATE_DATABASE_URL first.
    Several of them, and several gateways, share the work.
    """
    end_at_signals()
    settings = load_settings()
    if not settings.shares_database:
        message = "a worker shares a Postgres database with a gateway: set REELGATE_DATABASE_URL"
        raise CliError(message, ExitCode.USAGE)
    settings = known_sign_in(settings)
    check_account(settings)
    configure_log(settings.log_level, settings.log_format, settings.secrets)
    run_server(lambda begun: server.work(settings, begun), lambda: say("Working. Ctrl-C ends it."))
