"""`reelgate backup`: a copy of the database while the gateway runs."""

from pathlib import Path
from typing import Annotated

import typer

from reelgate.cli.app import command_app
from reelgate.cli.config import load_settings
from reelgate.cli.console import say
from reelgate.cli.exits import CliError, ExitCode
from reelgate.db.backup import backup as copy_database
from reelgate.errors import StorageFailed

app = command_app()


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="The new file.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Copy the database in one consistent moment, as an SQLite file; gateways may go on meanwhile.

    `reelgate restore` takes it to either kind of database.

    Finished videos are files of their own and never change once written: copy their folder with
    any tool, after the database.
    """
    if target.exists() and not force:
        message = f"{target} exists: choose another name, or give --force"
        raise CliError(message, ExitCode.USAGE)
    settings = load_settings()
    try:
        copy_database(settings.database, target)
    except StorageFailed as error:
        raise CliError(error.message, ExitCode.GATEWAY, code=error.code) from error
    say(f"The database is copied to {target} and checked. The videos are in {settings.storage}.")
