"""What a page tells people to type, typed in a folder of its own.

Programs that would run on are not started: what they were called with is kept, and their options
and settings are read as they would read them.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from typer.main import get_command

from reelgate.cli.app import app
from reelgate.cli.config import load_settings
from tests.databases import put_tables

from .checkout import ROOT, Run, run

RUN_ON = ("serve", "worker", "sandbox", "login")
"""The first three have no end, and the fourth opens a browser."""
STAND_IN = f"""#!{sys.executable} -SE
import json, os, sys
if sys.argv[1] in {RUN_ON}:
    call = {{"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(json.dumps(call) + "\\n")
else:
    program = {str(Path(sys.executable).with_name("reelgate"))!r}
    os.execv(program, [program, *sys.argv[1:]])
"""
DRY_MAKE = f"""#!/bin/sh
exec /usr/bin/env PATH="$REAL_PATH" make --dry-run --directory={ROOT} "$@"
"""
OF_THE_CLONE = ("bench", "deploy", "examples", "scripts")


@dataclass(frozen=True)
class Terminal:
    """A shell in a home of its own, in what looks like a clone.

    Attributes:
        replaced: what stands in pages, and what is typed for it.
    """

    home: Path
    env: dict[str, str]
    replaced: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Where a gateway of this user keeps its data."""
        return self.home / ".local" / "share" / "reelgate"

    async def type(self, code: str) -> Run:
        """Run a block of a page."""
        for shown, typed in self.replaced.items():
            code = code.replace(shown, typed)
        return await run("bash", "-euo", "pipefail", "-c", code, cwd=self.home, **self.env)

    def check_calls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Read the options and settings of the programs that would have run on."""
        calls = self.home / "calls"
        for line in calls.read_text().splitlines() if calls.exists() else ():
            call = json.loads(line)
            with monkeypatch.context() as there:
                there.chdir(call["cwd"])
                for name, value in call["env"].items():
                    there.setenv(name, value)
                check_call(call["argv"])


def check_call(argv: list[str]) -> None:
    """Parse a command's options, and load the settings that it would work with."""
    group: Any = get_command(app)
    context = click.Context(group)
    name, command, rest = group.resolve_command(context, argv)
    command.make_context(name, rest, parent=context)
    load_settings()


def a_terminal(home: Path, replaced: dict[str, str], **env: str) -> Terminal:
    """A new one, of somebody whose gateway has run."""
    programs = home / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, text in (("reelgate", STAND_IN), ("make", DRY_MAKE)):
        programs.joinpath(name).write_text(text)
        programs.joinpath(name).chmod(0o700)
    for name in OF_THE_CLONE:
        home.joinpath(name).symlink_to(ROOT / name)
    path = os.environ["PATH"]
    terminal = Terminal(home, {}, replaced)
    terminal.data.joinpath("videos").mkdir(parents=True)
    put_tables(terminal.data / "reelgate.sqlite")
    found = {"HOME": str(home), "REAL_PATH": path, "PATH": f"{programs}:{path}"}
    found["CALLS"] = str(home / "calls")
    terminal.env.update(found | env)
    return terminal
