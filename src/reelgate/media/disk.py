"""Files on a disk: their keys, their errors, and threads that finish what they began."""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from reelgate.errors import StorageFailed, VideoExpired

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored file."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A local file that is to be stored under a key."""

    key: str
    source: Path
    content_type: str


def is_key(name: str) -> bool:
    """Whether a name may be a key: nothing that a path or a URL could take for anything else."""
    return _KEY.fullmatch(name) is not None


def checked_key(name: str) -> str:
    """The name, if it may be a key.

    Raises:
        ValueError: it may not be a key.
    """
    if not is_key(name):
        message = f"{name!r} cannot be a key"
        raise ValueError(message)
    return name


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn an OSError of the block into StorageFailed.

    The message has the reason without the path, which callers must not see.
    """
    try:
        yield
    except OSError as exc:
        reason = os.strerror(exc.errno).lower() if exc.errno else "the disk failed"
        raise storage_failed(reason) from exc


def storage_failed(reason: str) -> StorageFailed:
    message = f"The finished video could not be stored: {reason}."
    return StorageFailed(message)


def unreadable(reason: str) -> StorageFailed:
    message = f"The stored video could not be read: {reason}."
    return StorageFailed(message)


def file_missing() -> VideoExpired:
    message = (
        "the video's file is not in this gateway's storage: it was removed, or another machine "
        "keeps it in a folder of its own (machines must share REELGATE_STORAGE_URL)"
    )
    return VideoExpired(message)


T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def run_in_thread(
    work: Callable[[*Ts], T], *arguments: *Ts, threads: Executor | None = None
) -> T:
    """Run work in a thread: of `threads`, or of the pool that all share.

    A cancelled caller goes on only when the thread is done, so that it never removes a file that
    a thread is still writing.
    """
    loop = asyncio.get_running_loop()
    return await wait_until_done(loop.run_in_executor(threads, work, *arguments))


async def wait_until_done(work: Awaitable[T], timeout_s: float = math.inf) -> T:
    """Await work. A cancelled caller goes on only when it is done, or after `timeout_s` seconds."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        clock = asyncio.get_running_loop().time
        ends_at_s = clock() + timeout_s
        while not running.done() and (left_s := ends_at_s - clock()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running], timeout=None if left_s == math.inf else left_s)
        raise
    finally:
        # Its error holds this frame. If that held it, both would wait for the garbage collector.
        del running
