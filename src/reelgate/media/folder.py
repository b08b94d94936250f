"""A local folder as a storage.

Plain file calls and not obstore: its LocalStore (0.12) has no way to fsync, copies where a rename
will do, and hides the path that a server needs to send a file by itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from reelgate.errors import StorageFailed
from reelgate.media.disk import (
    Stored,
    Upload,
    checked_key,
    disk_errors,
    file_missing,
    is_key,
    run_in_thread,
    unreadable,
)

# Smaller chunks cost thread switches; larger ones cost memory for every reader.
_CHUNK_BYTES = 512 * 1024
_MIN_FREE_BYTES = 64 * 1024**2


class Folder:
    """Keeps files in one folder of this machine."""

    def __init__(self, root: Path) -> None:
        """Make the folder when it is missing.

        Raises:
            StorageFailed: it cannot be made.
        """
        self._root = root.absolute()
        with disk_errors():
            self._root.mkdir(parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"Folder({str(self._root)!r})"

    @property
    def scratch_dir(self) -> Path | None:
        """Inside the folder, so that a file made there is on the same disk."""
        return self._root / ".scratch"

    async def put(self, file: Upload, *others: Upload) -> frozenset[str]:
        """Move files of the same disk here; their types are not kept."""
        return await run_in_thread(self._put, file, others)

    @asynccontextmanager
    async def reading(self, key: str, start: int, stop: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes from `start` to `stop` (exclusive), in chunks of bounded size."""
        with _opened(self._path(key)) as fd:
            yield _chunks(fd, start, stop)

    async def check(self) -> None:
        """Check that the folder is there, may be written, and has room."""
        await asyncio.to_thread(self._check)

    def _check(self) -> None:
        try:
            # Only the folder itself: whatever lies above may be a disk that is not mounted.
            self._root.mkdir(exist_ok=True)
            disk = os.statvfs(self._root)
        except OSError as exc:
            message = f"the folder {self._root}: {exc.strerror}"
            raise StorageFailed(message) from exc
        if not os.access(self._root, os.W_OK | os.X_OK):
            message = f"the folder {self._root} cannot be written"
            raise StorageFailed(message)
        if disk.f_bavail * disk.f_frsize < _MIN_FREE_BYTES:
            message = f"the disk of {self._root} is full"
            raise StorageFailed(message)

    async def head(self, key: str) -> Stored | None:
        path = self._path(key)
        with disk_errors():
            try:
                status = await asyncio.to_thread(path.stat)
            except FileNotFoundError:
                return None
        return Stored(key, status.st_size)

    async def delete(self, key: str) -> None:
        path = self._path(key)
        with disk_errors():
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def objects(self) -> AsyncIterator[Stored]:
        for stored in await asyncio.to_thread(self._scan):
            yield stored

    async def presigned_url(self, key: str, expires_in_s: float) -> str | None:
        """None: a folder has no address."""
        del key, expires_in_s
        return None

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _put(self, file: Upload, others: tuple[Upload, ...]) -> frozenset[str]:
        with disk_errors():
            # It may have been removed meanwhile.
            self._root.mkdir(parents=True, exist_ok=True)
            self._move(file)
            stored = {file.key, *(other.key for other in others if self._moves(other))}
            # Without this a loss of power may lose the new names.
            _fsync(self._root)
        return frozenset(stored)

    def _moves(self, file: Upload) -> bool:
        try:
            self._move(file)
        except OSError:
            with suppress(OSError):
                file.source.unlink(missing_ok=True)
            return False
        return True

    def _move(self, file: Upload) -> None:
        _fsync(file.source)
        file.source.replace(self._path(file.key))

    def _scan(self) -> list[Stored]:
        with disk_errors(), os.scandir(self._root) as entries:
            return [
                Stored(entry.name, entry.stat().st_size)
                for entry in entries
                if is_key(entry.name) and entry.is_file()
            ]


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    with disk_errors():
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError as exc:
            raise file_missing() from exc
    try:
        yield fd
    finally:
        os.close(fd)


async def _chunks(fd: int, start: int, stop: int) -> AsyncIterator[bytes]:
    while start < stop:
        chunk = await asyncio.to_thread(_pread, fd, min(_CHUNK_BYTES, stop - start), start)
        start += len(chunk)
        yield chunk


def _pread(fd: int, size_bytes: int, offset: int) -> bytes:
    with disk_errors():
        chunk = os.pread(fd, size_bytes, offset)
    if not chunk:
        raise unreadable("it is shorter than it was when it was stored")
    return chunk
