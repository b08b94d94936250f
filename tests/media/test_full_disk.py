"""A disk that is really full: a tiny file system where root may mount one, and a limit of the
kernel on file sizes everywhere."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelgate.errors import StorageFailed
from reelgate.media.keeper import Keeper
from reelgate.media.storage import Storage, open_storage
from tests import tiny_disk as tiny_disks

from .movies import asset, movie, padded

DISK_BYTES = 1024 * 1024


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    with tiny_disks.tiny_disk(tmp_path / "disk", DISK_BYTES) as disk:
        yield disk


async def _keys(storage: Storage) -> set[str]:
    return {stored.key async for stored in storage.objects()}


@pytest.mark.parametrize("told", [True, False], ids=["length-told", "length-unknown"])
async def test_a_full_disk_fails_one_video_and_no_other(tiny_disk: Path, *, told: bool) -> None:
    storage = open_storage(str(tiny_disk / "kept"))
    keeper = Keeper(storage, tiny_disk, min_free_bytes=0)
    video = padded(movie(), 2 * DISK_BYTES)
    with pytest.raises(StorageFailed, match="no space left on device") as caught:
        await keeper.keep("large", asset(video, length_bytes=len(video) if told else None))
    assert str(tiny_disk) not in caught.value.message
    assert await _keys(storage) == set()
    kept = await keeper.keep("small", asset(movie()))
    assert await _keys(storage) == {kept.key, kept.thumbnail_key}
    keeper.close()


async def test_a_download_leaves_room_for_the_database(tiny_disk: Path) -> None:
    keeper = Keeper(
        open_storage(str(tiny_disk / "kept")), tiny_disk, min_free_bytes=DISK_BYTES // 2
    )
    with pytest.raises(StorageFailed, match="no space left on device"):
        await keeper.keep("video", asset(padded(movie(), 3 * DISK_BYTES // 4)))
    await keeper.keep("video", asset(padded(movie(), DISK_BYTES // 4)))
    keeper.close()


async def test_a_video_is_kept_when_only_its_thumbnail_does_not_fit(tiny_disk: Path) -> None:
    storage = open_storage(str(tiny_disk / "kept"))
    keeper = Keeper(storage, tiny_disk, min_free_bytes=0)
    keeper.prepare()
    # tmpfs counts in whole pages: this video fills them all.
    video = padded(movie(), DISK_BYTES)
    kept = await keeper.keep("video", asset(video))
    assert kept.thumbnail_key is None
    assert await _keys(storage) == {kept.key}
    keeper.close()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_disk_that_is_read_only_for_a_while_fails_what_is_fetched_then(
    tiny_disk: Path, when: str
) -> None:
    storage = open_storage(str(tiny_disk / "kept"))
    keeper = Keeper(storage, tiny_disk, min_free_bytes=0)
    keeper.prepare()
    video = padded(movie(), 3 * DISK_BYTES // 8)

    def pieces() -> Iterator[bytes]:
        if when == "before":
            remount(tiny_disk, "ro")
        yield video[: len(video) // 2]
        remount(tiny_disk, "ro")
        yield video[len(video) // 2 :]

    with pytest.raises(StorageFailed, match="read-only file system"):
        await keeper.keep("video", asset(pieces()))
    remount(tiny_disk, "rw")
    await keeper.keep("video", asset(video))
    keeper.close()


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


LIMITED = """
import asyncio, pathlib, sys
from reelgate.errors import StorageFailed
from reelgate.media.keeper import Keeper
from reelgate.media.storage import open_storage
from reelgate.providers.base import Asset

async def chunks(content):
    yield content

async def main(folder, video):
    storage = open_storage(str(folder / "kept"))
    keeper = Keeper(storage, folder)
    try:
        await keeper.keep("video", Asset(chunks(video), "video/mp4", len(video)))
    except StorageFailed as exc:
        print(exc.message)
    keeper.close()
    print([stored.key async for stored in storage.objects()])

asyncio.run(main(pathlib.Path(sys.argv[1]), sys.stdin.buffer.read()))
"""


def test_a_write_that_the_kernel_refuses_fails_the_video(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        input=padded(movie(), 2 * DISK_BYTES),
        capture_output=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (DISK_BYTES, DISK_BYTES)),
    )
    assert run.stdout.decode().splitlines() == [
        "The finished video could not be stored: file too large.",
        "[]",
    ]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
