"""A file system so small that it is really full, where root may mount one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def tiny_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A folder that is a disk of its own; the test skips where nobody may mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tiny", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def resize(disk: Path, size_bytes: int) -> None:
    """Give a disk another size, while it is in use."""
    remount = ["mount", "-o", f"remount,size={size_bytes}", str(disk)]
    subprocess.run(remount, check=True)


@contextmanager
def fill(disk: Path) -> Iterator[None]:
    """Leave not a byte free meanwhile."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    yield
    filler.unlink()
