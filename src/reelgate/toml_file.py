"""A TOML file that a user writes: read whole, and what is wrong in it told with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_FILE_BYTES = 1_000_000
HEADER = re.compile(r"\s*\[\[?(?P<name>.+?)\]\]?\s*(?:#.*)?")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of the file."""

    path: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file's tables, and its text for the places of faults."""

    path: Path
    text: str
    tables: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """A file.

        Raises:
            ValueError: it cannot be read, or is not TOML; the message names the file and the line.
        """
        text = read_text(path)
        try:
            return cls(path, text, tomllib.loads(text))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            message = f"{path} is not valid TOML: {error}"
            raise ValueError(message) from None

    def refuse(self, faults: Iterable[Fault]) -> None:
        """Refuse the file if anything is wrong in it.

        Raises:
            ValueError: naming the file, each line that is wrong, and what is allowed there.
        """
        if found := list(faults):
            lines = lines_of(self.text)
            raise ValueError(
                "\n".join(f"{self.path}, line {line_of(f, lines)}: {f.message}" for f in found)
            )


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ValueError(message) from None
    if len(raw) > MAX_FILE_BYTES:
        message = f"{path} is larger than {MAX_FILE_BYTES} bytes"
        raise ValueError(message)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        message = f"{path}, line {line}: it is not UTF-8"
        raise ValueError(message) from None


def quoted(name: str) -> str:
    """A name as a key of TOML."""
    return name if BARE_KEY.fullmatch(name) else f'"{name}"'


def lines_of(text: str) -> dict[tuple[str, ...], int]:
    """The line on which each table and key of a TOML text begins: `tomllib` tells no places."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if (header := HEADER.fullmatch(line)) and (path := key_path(header["name"])):
            table = path
            found.setdefault(path, number)
        elif "=" in line and (path := key_path(line.partition("=")[0])):
            for end in range(1, len(path) + 1):
                found.setdefault((*table, *path[:end]), number)
    return found


def key_path(text: str) -> tuple[str, ...]:
    """The parts of a dotted key; empty where the text is none."""
    try:
        inner: object = tomllib.loads(f"{text.strip()} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(inner, dict) and inner:
        name, inner = next(iter(inner.items()))
        path.append(name)
    return tuple(path)


def line_of(fault: Fault, lines: Mapping[tuple[str, ...], int]) -> int:
    """The line of a fault, or of the nearest table around it that has one."""
    for end in range(len(fault.path), 0, -1):
        if fault.path[:end] in lines:
            return lines[fault.path[:end]]
        below = [line for path, line in lines.items() if path[:end] == fault.path[:end]]
        if below:
            return min(below)
    return 1
