"""Writes the command line's reference into docs/cli.md: `make docs`. A test compares."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from typer.main import get_command

from reelgate.cli.app import COMMANDS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
BEGIN = "<!-- commands: written by `make docs` -->"
END = "<!-- end of commands -->"


def reference() -> str:
    """Every command with its arguments and options, in the order of `reelgate --help`."""
    parts: list[str] = []
    for name, entry in COMMANDS.items():
        command = get_command(import_module(entry.module).app)
        parts += section(f"reelgate {name}", command)
    return "\n".join(parts)


def section(path: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - Click's own classes
    """A command, or each command of a group."""
    if inner := getattr(command, "commands", None):
        for name, each in inner.items():
            yield from section(f"{path} {name}", each)
        return
    text = " ".join((command.help or "").partition("\f")[0].split("\n\n")[0].split())
    yield f"## `{' '.join([path, *arguments(command)])}`\n\n{text}\n"
    rows = [option(each) for each in command.params if is_shown(each)]
    if rows:
        yield "| option | |\n|---|---|\n" + "\n".join(rows) + "\n"


def arguments(command: Any) -> Iterator[str]:  # noqa: ANN401 - likewise
    """The arguments as a usage line names them."""
    for each in command.params:
        if each.param_type_name == "argument":
            name = (each.metavar or each.name).upper().strip("[]")
            yield name if each.required else f"[{name}]"


def is_shown(param: Any) -> bool:  # noqa: ANN401 - likewise
    """Whether it is an option that people are told of."""
    return param.param_type_name == "option" and not param.hidden and param.name != "help"


def option(param: Any) -> str:  # noqa: ANN401 - likewise
    """An option as a line of the table."""
    names = ", ".join(f"`{each}`" for each in [*param.opts, *param.secondary_opts])
    told = " ".join((param.help or "").split()).replace("|", "\\|")
    return f"| {names} | {told} |"


def page(old: str) -> str:
    """The page with the commands put between its two marks."""
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
