"""`reelgate migrate`: the tables, brought up to date before the gateways start."""

import asyncio

from reelgate.cli.app import command_app
from reelgate.cli.config import load_settings
from reelgate.cli.console import say
from reelgate.cli.exits import in_one_line
from reelgate.runtime.deployment import migrate_database

app = command_app()


@app.command(no_args_is_help=False)
def migrate() -> None:
    """Bring the database up to date.

    Every process does so by itself when it starts, and any number may at once; run it before a
    deploy to see that it works. A gateway that runs already goes on.
    """
    settings = load_settings()
    with in_one_line():
        asyncio.run(migrate_database(settings))
    say("The database is up to date.")
