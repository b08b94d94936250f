"""Where the command line writes: people read standard error, programs standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

people = Console(stderr=True, highlight=False, soft_wrap=True)
programs = Console(highlight=False, soft_wrap=True)


def say(message: str, style: str = "") -> None:
    """Tell the person; on standard error, so that it is in nobody's pipe."""
    people.print(Text(printable(message), style), soft_wrap=True)


def put(line: str) -> None:
    """Write a result; on standard output, as it is: Rich would wrap it and expand its tabs."""
    sys.stdout.write(f"{printable(line)}\n")


def put_json(value: Mapping[str, Any]) -> None:
    """Write a result as one JSON object on one line; on standard output."""
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """The text without control characters: a prompt must not steer somebody's terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)
