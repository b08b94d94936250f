"""The program `reelgate`."""

import io
import sys
from typing import Annotated

import typer

from reelgate.cli.console import put, say
from reelgate.cli.exits import EPILOG, CliError, ExitCode
from reelgate.cli.registry import LazyGroup
from reelgate.collector import collect_seldom
from reelgate.version import VERSION

NO_WINDOWS = (
    "Reelgate does not run on Windows itself: run it in WSL, "
    "https://learn.microsoft.com/windows/wsl, or in its container."
)

app = typer.Typer(
    cls=LazyGroup,
    help="One request in, one finished video out: a gateway for slow video generators.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show_version(asked: bool) -> None:  # noqa: FBT001 - Typer calls it with the option's value
    """Print the version and stop."""
    if asked:
        put(f"reelgate {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line and exit with one of `ExitCode`."""
    write_what_can_be_written()
    if sys.platform == "win32":
        say(NO_WINDOWS, "red")
        sys.exit(ExitCode.GATEWAY)
    # Before a command's module is read: reading it makes much that stays.
    collect_seldom()
    try:
        app()
    except CliError as error:
        if not error.was_said:
            say(error.message, "red")
        sys.exit(error.exit_code)


def write_what_can_be_written() -> None:
    """A letter that the terminal's encoding lacks becomes a question mark, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
