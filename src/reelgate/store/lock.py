"""One gateway to a database file: a second would carry the same jobs again.

The lock belongs to the file itself, whatever path leads there: see
docs/adr/0013-the-lock-of-a-database-file.md.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from reelgate.errors import StorageFailed

FILE_MODE = 0o600
LOCKED_BYTE = 2**62
"""Far beyond the bytes that SQLite locks (around 2**30) and beyond any content."""
FLOCK = "hhqqi0q"
"""`struct flock` of fcntl(2) on Linux: type, whence, start and length in 64 bits, process."""
HELD_BY_OTHERS = (errno.EAGAIN, errno.EACCES)

_held: set[tuple[int, int]] = set()
"""Device and inode of each file that this process holds. SQLite's own locks would be lost here if
one of them were opened and closed once more."""


@contextmanager
def only_process_in(folder: Path) -> Iterator[None]:
    """Hold a data folder; the operating system lets go of it even when the process is killed.

    Raises:
        StorageFailed: another process holds it.
    """
    lock = FileLock(folder / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        message = f"another reelgate is at work in {folder}: stop it, or set REELGATE_DATA_DIR"
        raise StorageFailed(message) from error
    except OSError as error:
        raise StorageFailed(f"the data folder {folder} cannot be used: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def only_gateway_on(path: Path) -> Iterator[None]:
    """Hold a database file, which is made where it is missing; its folder must be there.

    Must outlast every connection of SQLite to the file.

    Raises:
        StorageFailed: another gateway holds it, by whatever path, or it cannot be opened.
    """
    identity = identity_of(path)
    if identity in _held:
        raise in_use(path)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise StorageFailed(f"the database {path} cannot be opened: {error.strerror}") from error
    try:
        lock_of_folder = lock(fd, path)
        status = os.fstat(fd)
        identity = (status.st_dev, status.st_ino)
        _held.add(identity)
        try:
            yield
        finally:
            _held.discard(identity)
            if lock_of_folder is not None:
                os.close(lock_of_folder)
    finally:
        os.close(fd)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def lock(fd: int, path: Path) -> int | None:
    """Lock an open database file.

    Returns:
        The open folder of the file, where that had to be locked instead.

    Raises:
        StorageFailed: another gateway holds it.
    """
    if sys.platform == "linux":
        wanted = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, LOCKED_BYTE, 1, 0)
        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, wanted)
        except OSError as error:
            if error.errno in HELD_BY_OTHERS:
                raise in_use(path) from error
            # This kernel or file system has no such locks.
        else:
            return None
    return lock_folder(path)


def lock_folder(path: Path) -> int:
    """Lock the folder that a database file really lies in.

    Raises:
        StorageFailed: another gateway holds it.
    """
    folder = os.open(path.resolve().parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(folder)
        raise in_use(path) from error
    return folder


def in_use(path: Path) -> StorageFailed:
    """The refusal to work beside another gateway."""
    message = f"another reelgate works with the database {path.resolve()}: stop it, or set "
    return StorageFailed(f"{message}REELGATE_DATA_DIR or REELGATE_DATABASE_URL")
