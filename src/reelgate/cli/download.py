"""Saves a finished video: the file's name, and a part file to go on with."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import IO

import aiohttp

from reelgate.cli.client import Client
from reelgate.cli.exits import CliError, ExitCode, Unreachable
from reelgate.cli.progress import Show, Step

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


CHUNK_BYTES = 256 * 1024
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)")


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that is whole and has its name."""

    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Where an answer's bytes stand in the file; None where there are none, or nobody tells."""

    start: int | None
    total: int | None


def part_of(target: Path, video_id: str) -> Path:
    """The part file: it bears the video's id, so that no other video's bytes are added to it."""
    return target.with_name(f"{target.name}.{video_id}.part")


async def download(
    client: Client, video_id: str, target: Path, show: Show, *, force: bool
) -> Saved:
    """Save a finished video's file, going on where an earlier try broke off.

    Raises:
        Unreachable: the connection broke; the part file stays for the next try.
        CliError: the gateway refused, or the disk did.
    """
    part = part_of(target, video_id)
    try:
        await fetch(client, video_id, part, show)
        size_bytes = size_of(part)
        return Saved(put_in_place(part, target, force=force), size_bytes)
    except OSError as error:
        message = f"{part} cannot be written: {error}\nThe video is kept: {again(video_id)}"
        raise CliError(message, ExitCode.FAILED, code="file_failed") from error


def again(video_id: str) -> str:
    return f"`reelgate videos download {video_id}` fetches it again."


async def fetch(client: Client, video_id: str, part: Path, show: Show) -> None:
    """Make the part file whole."""
    offset = size_of(part)
    async with client.content(video_id, offset) as response:
        piece = read_piece(response)
        if piece.start in {offset, 0}:
            # A server may ignore the range and send everything: then the file starts anew.
            await append(response, part, piece, show)
    if piece.total not in {None, size_of(part)}:
        await asyncio.to_thread(part.unlink)
        message = f"{part} was no beginning of the video's file: it is fetched anew"
        raise Unreachable(message)


async def append(response: aiohttp.ClientResponse, part: Path, piece: Piece, show: Show) -> None:
    done = piece.start or 0
    with writing(part, done) as file:
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            file.write(chunk)
            done += len(chunk)
            show.update(Step("downloading", 100 * done // piece.total if piece.total else 0))


def read_piece(response: aiohttp.ClientResponse) -> Piece:
    """What part of the file an answer holds; a 416 holds none."""
    match = CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    if response.status == HTTPStatus.OK or match is None:
        return Piece(0, response.content_length)
    first, total = match.groups()
    return Piece(None if first is None else int(first), int(total))


def writing(part: Path, offset: int) -> IO[bytes]:
    """The part file, open to go on at an offset."""
    return part.open("ab" if offset else "wb")


def size_of(part: Path) -> int:
    """How much there is already."""
    return part.stat().st_size if part.exists() else 0
