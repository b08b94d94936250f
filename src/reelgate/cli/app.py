"""The program `reelgate`: its commands, each read only when it is run."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from reelgate.cli.console import put, say
from reelgate.cli.exits import EPILOG, CliError, ExitCode
from reelgate.gc_tuning import configure_gc, loading
from reelgate.version import VERSION


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: its module, which holds a `typer.Typer` called `app`, and what it does."""

    module: str
    summary: str


COMMANDS = {
    "generate": Entry("reelgate.cli.commands.generate", "Make a video and save it."),
    "serve": Entry("reelgate.cli.commands.serve", "Run the gateway."),
    "worker": Entry("reelgate.cli.commands.worker", "Run jobs without serving HTTP."),
    "migrate": Entry("reelgate.cli.commands.migrate", "Bring the database up to date."),
    "login": Entry("reelgate.cli.commands.login", "Sign in at a provider, once."),
    "logout": Entry("reelgate.cli.commands.logout", "Forget a provider's credential."),
    "doctor": Entry("reelgate.cli.commands.doctor", "Check everything, and say what to do."),
    "videos": Entry("reelgate.cli.commands.videos", "List, follow, fetch, cancel, delete videos."),
    "usage": Entry("reelgate.cli.commands.usage", "Show what videos have cost, by day and key."),
    "backup": Entry("reelgate.cli.commands.backup", "Copy the database while the gateway runs."),
    "restore": Entry("reelgate.cli.commands.restore", "Put such a copy in the database's place."),
    "keys": Entry("reelgate.cli.commands.keys", "Make, change, list and revoke API keys."),
    "webhooks": Entry("reelgate.cli.commands.webhooks", "Show and repeat what was told to others."),
    "mcp": Entry("reelgate.cli.commands.mcp", "Give an agent the gateway's tools."),
    "sandbox": Entry("reelgate.cli.commands.sandbox", "Run a stand-in for imagine.art, alone."),
}


def command_app() -> typer.Typer:
    """An empty `app` for a command's module."""
    return typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Click's signature
        """The names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ANN401, ARG002
        """A stand-in that has a name and a summary: enough for help and completion."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return TyperCommand(cmd_name, help=entry.summary, short_help=entry.summary)

    def resolve_command(
        self,
        ctx: Any,  # noqa: ANN401
        args: list[str],
    ) -> tuple[str | None, Any, list[str]]:
        """The command itself, imported now."""
        # The parent looks here for names that resemble a mistyped one.
        self.commands = {name: TyperCommand(name) for name in COMMANDS}
        name, stand_in, rest = super().resolve_command(ctx, args)
        if name is None or stand_in is None:
            return name, stand_in, rest
        with loading():
            module = import_module(COMMANDS[name].module)
            # What only shows help does without.
            from reelgate.logs import log_to_stderr  # noqa: PLC0415

            log_to_stderr()
        return name, get_command(module.app), rest


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
    configure_gc()
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
