"""Temporary files of this process; the next start removes what a crash left behind."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path

from reelgate.media.disk import disk_errors, run_in_thread

_OWN_PREFIX = "run-"
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class Scratch:
    """A folder of its own for this process, below a root that other processes share.

    The folder is locked while its process lives, so that the next start knows which folders are
    leftovers. The kernel drops the lock with the process, however it ends.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: Path | None = None
        self._lock_fd = -1
        self._numbers = count()

    def prepare(self) -> Path:
        """Remove what killed processes left behind and make this process's own folder.

        Returns:
            That folder.

        Raises:
            StorageFailed: the root cannot be made or written.
        """
        with disk_errors():
            if self._folder is not None and not self._folder.is_dir():
                # Somebody has removed it, or what it stood in: it is made again.
                os.close(self._lock_fd)
                self._folder = None
            if self._folder is None:
                self._root.mkdir(parents=True, exist_ok=True)
                with _locked(self._root):
                    for folder in self._root.glob(f"{_OWN_PREFIX}*"):
                        _remove_unless_locked(folder)
                    made = Path(tempfile.mkdtemp(prefix=_OWN_PREFIX, dir=self._root))
                    self._lock_fd = os.open(made, os.O_RDONLY)
                    fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
                    self._folder = made
            return self._folder

    def close(self) -> None:
        """Remove this process's folder; it can be prepared again."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock_fd)
            self._folder = None

    @asynccontextmanager
    async def file(self) -> AsyncIterator[Path]:
        """The path of a file to be made; it is removed when the block fails or is cancelled."""
        path = self.prepare() / str(next(self._numbers))
        try:
            yield path
        except BaseException:
            # A failed removal must not hide why the block failed; the next start removes the file.
            with suppress(OSError):
                await run_in_thread(_remove, path)
            raise


def append(path: Path, data: bytes | bytearray, *, min_free_bytes: int) -> None:
    """Write to the end of a scratch file, and leave `min_free_bytes` of the disk free.

    Makes the file when it is missing, for this user alone.

    Raises:
        StorageFailed: the disk is full, or less than `min_free_bytes` would stay free.
    """
    with disk_errors():
        require_free(path.parent, len(data) + min_free_bytes)
        with os.fdopen(os.open(path, _APPEND, 0o600), "ab") as file:
            file.write(data)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def require_free(folder: Path, size_bytes: int) -> None:
    """Check that the disk of a folder has this much space left.

    Raises:
        StorageFailed: it has not.
    """
    with disk_errors():
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < size_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, so that no process takes a new folder for a leftover."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _remove_unless_locked(folder: Path) -> None:
    # Its process may be just removing it.
    with suppress(FileNotFoundError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(fd)
