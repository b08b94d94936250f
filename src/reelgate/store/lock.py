"""One process to a data folder: a second would carry the same jobs again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from reelgate.errors import StorageFailed


@contextmanager
def only_process_in(folder: Path) -> Iterator[None]:
    """Hold the folder; the operating system lets go of it even when the process is killed.

    Raises:
        StorageFailed: another process holds it.
    """
    lock = FileLock(folder / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        message = f"another reelgate is at work in {folder}: stop it, or set REELGATE_DATA_DIR"
        raise StorageFailed(message) from error
    try:
        yield
    finally:
        lock.release()
