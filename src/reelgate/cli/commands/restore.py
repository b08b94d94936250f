"""`reelgate restore`: a copy of the database, put in its place."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from reelgate.cli.app import command_app
from reelgate.cli.config import load_settings
from reelgate.cli.console import say
from reelgate.cli.exits import CliError, ExitCode, in_one_line
from reelgate.db.backup import restore as restore_database
from reelgate.db.database import sqlite_file
from reelgate.db.sqlite import only_process_in
from reelgate.media.storage import copy_files, folder_of
from reelgate.settings import Settings

app = command_app()


@app.command()
def restore(
    copy: Annotated[Path, typer.Argument(help="What `reelgate backup` made.")],
    *,
    videos: Annotated[
        Path | None, typer.Option("--videos", help="A copy of the videos' folder, to restore too.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Move an SQLite database that is there aside.")
    ] = False,
    send_queued: Annotated[
        bool,
        typer.Option(
            "--send-queued",
            help="Send what waited in line in the copy: only if the gateway stopped before it.",
        ),
    ] = False,
) -> None:
    """Put a copy of the database in its place, and of the videos; the gateway must not run.

    The copy is checked first and stays as it is. It may be of the other kind of database. On
    Postgres an empty database is filled; none is replaced. What waited in line when it was made
    may have been sent and paid for since: it is looked for, and not sent again.
    """
    settings = load_settings()
    with in_one_line():
        database, folder = sqlite_file(settings.database), videos_folder(settings, videos)
        if database is not None and database.exists() and not force:
            message = f"{database} exists: give --force to move it aside"
            raise CliError(message, ExitCode.USAGE)
        alone = database is not None and settings.data_dir.is_dir()
        in_folder = only_process_in(settings.data_dir) if alone else None
        with in_folder or nullcontext():
            replaced = restore_database(copy, settings.database, send_queued=send_queued)
            copied = copy_files(videos, folder) if videos and folder else 0
    say(f"The database is restored from {copy}." + (f" {copied} videos too." if videos else ""))
    if replaced:
        say(f"The one that was there is {replaced} now.")


def videos_folder(settings: Settings, videos: Path | None) -> Path | None:
    """Where videos are kept, as far as they are to be restored.

    Raises:
        CliError: they cannot be.
    """
    folder = folder_of(settings.storage)
    if videos is None:
        return None
    if not videos.is_dir():
        message = f"--videos: {videos} is no folder"
        raise CliError(message, ExitCode.USAGE)
    if folder is None:
        message = "--videos: the videos are kept in a bucket, which has tools of its own"
        raise CliError(message, ExitCode.USAGE)
    return folder
