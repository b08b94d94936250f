"""A small disk of its own that can be filled to the last byte and freed again."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE_BYTES = 512 * 1024**2
PAGE_BYTES = 4096


class Disk:
    """A mounted file system, and what fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Take every byte that is free; whoever writes then meets a real ENOSPC."""
        with self._filler.open("ab") as file:
            while (free_bytes := self._free_bytes()) >= PAGE_BYTES:
                if not grow(file.fileno(), free_bytes):
                    break

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def _free_bytes(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize


def grow(fd: int, size_bytes: int) -> bool:
    """Make a file longer by as much of this as there is room for; False where there is none."""
    while size_bytes >= PAGE_BYTES:
        try:
            os.posix_fallocate(fd, os.fstat(fd).st_size, size_bytes)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            size_bytes //= 2
        else:
            return True
    return False


def replace_with_file(folder: Path) -> None:
    """Leave a file where a folder was; a program that makes the folder again is too late."""
    in_its_place = folder.with_name(f"{folder.name}-file")
    in_its_place.touch()
    folder.rename(moved_folder(folder))
    while True:
        try:
            in_its_place.rename(folder)
        except IsADirectoryError:
            merge(folder, moved_folder(folder))
        else:
            return


def restore(folder: Path) -> None:
    """Put the folder back, with what was written to a new one just then."""
    folder.unlink()
    while True:
        try:
            moved_folder(folder).rename(folder)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            merge(folder, moved_folder(folder))
        else:
            return


def moved_folder(folder: Path) -> Path:
    """Where a folder is meanwhile: on the same disk."""
    return folder.with_name(f"{folder.name}-away")


def merge(new: Path, old: Path) -> None:
    """Move a new folder's files into an old one, and remove it."""
    for file in new.iterdir():
        if file.is_file():
            file.rename(old / file.name)
    shutil.rmtree(new)


@contextmanager
def small_disk(folder: Path, *, stays: bool = False) -> Iterator[Disk | None]:
    """A disk mounted on a new folder; None where this user may not mount one.

    The folder can be used in either case. `stays`: leave it mounted, to be looked at.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", "chaos", str(folder)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        if stays:
            print(f"still mounted, for you to look at: {folder}")
        else:
            # Lazily: what a killed program still holds open is let go of with it.
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
