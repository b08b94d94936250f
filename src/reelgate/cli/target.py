"""The file a video is saved to: its name, and that nothing is overwritten unasked."""

from __future__ import annotations

import os
import re
from itertools import count
from pathlib import Path

from reelgate.cli.exits import CliError, ExitCode

SUFFIX = ".mp4"
MAX_NAME_BYTES = 60
"""A name that is still readable in a listing; file systems take 255 bytes."""


def name_from(prompt: str) -> str:
    """A file name that tells what the video shows: the prompt's words, in any script."""
    words = re.findall(r"\w+", re.sub(r"\[\[.*?\]\]", " ", prompt).lower())
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        if len(longer.encode()) > MAX_NAME_BYTES:
            break
        name = longer
    if not name and words:
        name = words[0].encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return f"{name or 'video'}{SUFFIX}"


def free_name(path: Path) -> Path:
    """The path itself, or the first of `cat-2.mp4`, `cat-3.mp4`, ... that does not exist."""
    if not path.exists():
        return path
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(each for each in numbered if not each.exists())


def choose_target(output: Path | None, prompt: str, *, force: bool) -> Path:
    """Where to save, checked before anything is paid for.

    Raises:
        CliError: the file exists already, or cannot be written there.
    """
    if output is None:
        target = Path(name_from(prompt))
        target = target if force else free_name(target)
    else:
        target = output / name_from(prompt) if output.is_dir() else output
    if target.exists() and not force:
        message = f"{target} exists already: choose another name with -o, or overwrite with --force"
        raise CliError(message, ExitCode.USAGE, code="file_exists")
    folder = target.parent
    if not folder.is_dir():
        raise CliError(f"-o {target}: there is no folder {folder}", ExitCode.USAGE)
    if not os.access(folder, os.W_OK):
        raise CliError(f"-o {target}: nothing can be written in {folder}", ExitCode.USAGE)
    return target


def put_in_place(part: Path, target: Path, *, force: bool) -> Path:
    """Give a whole file its name; if the name was taken meanwhile, the next free one."""
    final = target if force else free_name(target)
    part.replace(final)
    return final
