from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reelgate.errors import AnswerLost, StorageFailed, UpstreamBadResponse
from reelgate.media.keeper import Keeper
from reelgate.media.storage import Storage, open_storage

from .movies import asset, free_box_header, movie, padded

MIB = 1024 * 1024


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return open_storage("memory:///" if request.param == "memory" else str(tmp_path / "kept"))


@pytest.fixture
def keeper(storage: Storage, tmp_path: Path) -> Iterator[Keeper]:
    keeper = Keeper(storage, tmp_path / "scratch", max_file_bytes=100 * MIB)
    keeper.prepare()
    yield keeper
    assert _scratch_files(tmp_path) == []
    keeper.close()


def _scratch_files(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("run-*/*") if path.is_file()]


async def _keys(storage: Storage) -> set[str]:
    return {stored.key async for stored in storage.objects()}


async def _content(storage: Storage, key: str) -> bytes:
    head = await storage.head(key)
    assert head is not None
    async with storage.reading(key, 0, head.size_bytes) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_a_video_is_kept_with_its_thumbnail(keeper: Keeper, storage: Storage) -> None:
    video = movie()
    kept = await keeper.keep("video_1", asset(video, length_bytes=len(video)))
    assert kept.size_bytes == len(video)
    assert kept.sha256 == hashlib.sha256(video).hexdigest()
    assert kept.content_type == "video/mp4"
    assert await _content(storage, kept.key) == video
    assert kept.thumbnail_key is not None
    assert (await _content(storage, kept.thumbnail_key)).startswith(b"RIFF")


async def test_a_video_may_arrive_in_any_pieces(keeper: Keeper, storage: Storage) -> None:
    video = padded(movie(), 3 * MIB + 1)
    pieces = [video[:1], video[1:1], video[1:9], video[9:11], video[11 : 2 * MIB], video[2 * MIB :]]
    kept = await keeper.keep("video_1", asset(pieces, length_bytes=len(video)))
    assert await _content(storage, kept.key) == video
    assert kept.sha256 == hashlib.sha256(video).hexdigest()


async def test_keeping_twice_is_keeping_once(keeper: Keeper, storage: Storage) -> None:
    first, second = await asyncio.gather(
        *(keeper.keep("video_1", asset(movie())) for _ in range(2))
    )
    assert first == second
    assert await _keys(storage) == {first.key, first.thumbnail_key}


async def test_a_forgotten_video_is_gone(keeper: Keeper, storage: Storage) -> None:
    kept = await keeper.keep("video_1", asset(movie()))
    other = await keeper.keep("video_2", asset(movie()))
    await keeper.forget(kept)
    await keeper.forget(kept)
    assert await _keys(storage) == {other.key, other.thumbnail_key}


async def test_forgetting_a_video_without_thumbnail_works(keeper: Keeper, storage: Storage) -> None:
    kept = await keeper.keep("video_1", asset(movie()))
    await keeper.forget(replace(kept, thumbnail_key=None))
    assert await _keys(storage) == {kept.thumbnail_key}


@pytest.mark.parametrize(
    ("declared", "served"),
    [
        ("video/mp4", "video/mp4"),
        ("Video/MP4; codecs=avc1", "video/mp4"),
        ("video/quicktime", "video/quicktime"),
        ("application/octet-stream", "video/mp4"),
        ("text/html", "video/mp4"),
        ("video/mp4\r\nSet-Cookie: a=b", "video/mp4"),
        ("", "video/mp4"),
    ],
)
async def test_a_video_is_served_as_a_video_whatever_it_was_declared_as(
    keeper: Keeper, declared: str, served: str
) -> None:
    kept = await keeper.keep("video_1", asset(movie(), content_type=declared))
    assert kept.content_type == served


@pytest.mark.parametrize(
    ("content", "content_type", "named"),
    [
        (b"<!doctype html><title>Link expired</title>", "text/html; charset=utf-8", "text/html"),
        (b'{"error": "gone"}', "application/json", "application/json"),
        (b"<html>" + bytes(3 * MIB), "video/mp4", "video/mp4"),
        (b"", "video/mp4", "video/mp4"),
        (b"", "<script>", "no known type"),
        (movie()[:8] + bytes(2000), "video/mp4", "picture"),
        (movie()[:32] + free_box_header(8), "video/mp4", "picture"),
    ],
    ids=["html", "json", "html-as-video", "empty", "odd-type", "broken", "no-picture"],
)
async def test_what_is_no_video_is_refused(
    keeper: Keeper, storage: Storage, content: bytes, content_type: str, named: str
) -> None:
    with pytest.raises(UpstreamBadResponse, match=named):
        await keeper.keep("video_1", asset(content, content_type=content_type))
    assert await _keys(storage) == set()


async def test_a_page_in_place_of_a_video_is_not_read_to_its_end(keeper: Keeper) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"<p>" * 1000

    with pytest.raises(UpstreamBadResponse):
        await keeper.keep("video_1", asset(endless(), content_type="text/html"))
    assert read < 1000


@pytest.mark.parametrize("told", [True, False], ids=["length-told", "length-unknown"])
async def test_a_download_that_broke_off_may_be_fetched_again(
    keeper: Keeper, storage: Storage, *, told: bool
) -> None:
    video = padded(movie(), 2 * MIB)
    length_bytes = len(video) if told else None
    with pytest.raises(AnswerLost, match="broke off after"):
        await keeper.keep("video_1", asset(video[:MIB], length_bytes=length_bytes))
    assert await _keys(storage) == set()


async def test_a_file_that_is_incomplete_upstream_is_not_fetched_forever(
    keeper: Keeper, storage: Storage
) -> None:
    part = padded(movie(), 2 * MIB)[:MIB]
    with pytest.raises(UpstreamBadResponse, match="not complete"):
        await keeper.keep("video_1", asset(part, length_bytes=len(part)))
    assert await _keys(storage) == set()


@pytest.mark.parametrize("told", [True, False], ids=["length-told", "length-unknown"])
async def test_a_file_above_the_limit_is_refused(
    storage: Storage, tmp_path: Path, *, told: bool
) -> None:
    keeper = Keeper(storage, tmp_path / "scratch", max_file_bytes=MIB)
    video = padded(movie(), MIB + 1)
    with pytest.raises(StorageFailed, match="limit of 1048576 bytes"):
        await keeper.keep("video_1", asset(video, length_bytes=len(video) if told else None))
    assert await _keys(storage) == set()
    keeper.close()


async def test_an_error_of_the_upstream_passes_through(keeper: Keeper, storage: Storage) -> None:
    lost = AnswerLost("The connection broke.")

    def breaks() -> Iterator[bytes]:
        yield padded(movie(), 2 * MIB)
        raise lost

    with pytest.raises(AnswerLost) as caught:
        await keeper.keep("video_1", asset(breaks()))
    assert caught.value is lost
    assert await _keys(storage) == set()


async def test_a_cancelled_download_leaves_nothing(
    keeper: Keeper, storage: Storage, tmp_path: Path
) -> None:
    waiting = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield padded(movie(), 2 * MIB)
        waiting.set()
        await asyncio.Event().wait()

    keeping = asyncio.create_task(keeper.keep("video_1", replace(asset(b""), chunks=stalls())))
    await waiting.wait()
    assert len(_scratch_files(tmp_path)) == 1
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert await _keys(storage) == set()


@pytest.mark.parametrize("pause_s", [0.01, 60.0], ids=["byte-by-byte", "not-at-all"])
async def test_a_download_that_trickles_is_broken_off(
    keeper: Keeper, storage: Storage, pause_s: float
) -> None:
    async def trickles() -> AsyncIterator[bytes]:
        for byte in movie():
            yield bytes([byte])
            await asyncio.sleep(pause_s)

    with pytest.raises(AnswerLost, match="slower than"):
        await keeper.keep("video_1", replace(asset(b""), chunks=trickles()), slow_after_s=0.2)
    assert await _keys(storage) == set()


async def test_a_video_is_kept_undecoded_where_that_is_asked_for(
    keeper: Keeper, storage: Storage
) -> None:
    """Whatever is in it: all that is looked at is that it is whole."""

    @asynccontextmanager
    async def never() -> AsyncIterator[bool]:
        yield False

    video = movie()[:32] + free_box_header(8)
    kept = await keeper.keep("video_1", asset(video), decoding=never)
    assert kept.thumbnail_key is None
    assert await _content(storage, kept.key) == video
    with pytest.raises(AnswerLost):
        await keeper.keep("video_2", asset(movie()[:500]), decoding=never)


@pytest.mark.parametrize("removed", ["kept", "kept/.scratch"])
async def test_folders_that_were_removed_are_made_again(tmp_path: Path, removed: str) -> None:
    storage = open_storage(str(tmp_path / "kept"))
    keeper = Keeper(storage, tmp_path / "scratch")
    keeper.prepare()
    shutil.rmtree(tmp_path / removed)
    kept = await keeper.keep("video_1", asset(movie()))
    assert await _content(storage, kept.key) == movie()
    keeper.close()


async def test_folders_that_are_removed_during_a_download_are_made_again_for_the_next(
    tmp_path: Path,
) -> None:
    storage = open_storage(str(tmp_path / "kept"))
    keeper = Keeper(storage, tmp_path / "scratch")
    video = padded(movie(), 3 * MIB)

    def pieces() -> Iterator[bytes]:
        yield video[: 2 * MIB]
        shutil.rmtree(tmp_path / "kept")
        yield video[2 * MIB :]

    with pytest.raises(StorageFailed):
        await keeper.keep("video_1", asset(pieces()))
    kept = await keeper.keep("video_1", asset(video))
    assert await _content(storage, kept.key) == video
    keeper.close()


async def test_a_folder_that_became_a_file_is_a_storage_failure_and_passes(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "kept"))
    keeper = Keeper(storage, tmp_path / "scratch")
    keeper.prepare()
    shutil.rmtree(tmp_path / "kept")
    (tmp_path / "kept").write_bytes(b"a file")
    with pytest.raises(StorageFailed):
        await keeper.keep("video_1", asset(movie()))
    (tmp_path / "kept").unlink()
    kept = await keeper.keep("video_1", asset(movie()))
    assert await _content(storage, kept.key) == movie()
    keeper.close()


@pytest.mark.parametrize("turns", [2**n for n in range(13)])
async def test_a_video_cancelled_at_any_moment_can_be_removed(
    keeper: Keeper, storage: Storage, tmp_path: Path, turns: int
) -> None:
    keeping = asyncio.create_task(keeper.keep("video_1", asset(padded(movie(), 2 * MIB))))
    for _ in range(turns):
        await asyncio.sleep(0)
    keeping.cancel()
    await asyncio.wait([keeping])
    assert _scratch_files(tmp_path) == []
    await keeper.discard("video_1")
    assert await _keys(storage) == set()


async def test_a_large_video_is_kept_in_constant_memory(tmp_path: Path) -> None:
    keeper = Keeper(open_storage(str(tmp_path / "kept")), tmp_path)
    video = movie()
    padding_bytes = 64 * MIB

    def pieces() -> Iterator[bytes]:
        yield video + free_box_header(8 + padding_bytes)
        for _ in range(padding_bytes // MIB):
            yield bytes(MIB)

    await keeper.keep("warm", asset(video))
    tracemalloc.start()
    try:
        kept = await keeper.keep("video_1", asset(pieces()))
        assert kept.size_bytes == len(video) + 8 + padding_bytes
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
        keeper.close()


LISTENED_TO = """
import asyncio, pathlib, sys, threading
from reelgate.media.keeper import Keeper
from reelgate.media.storage import open_storage
from reelgate.providers.base import Asset

async def pieces(video):
    yield video

def hear(event, arguments):
    on_the_loop = threading.current_thread() is threading.main_thread()
    if listening and on_the_loop and sys.argv[1] in repr(arguments):
        print(event, arguments)

async def main(folder, video):
    global listening
    keeper = Keeper(open_storage(str(folder / "kept")), folder)
    keeper.prepare()
    listening = True
    kept = await keeper.keep("video", Asset(pieces(video), "video/mp4", len(video)))
    failed = await asyncio.gather(
        keeper.keep("broken", Asset(pieces(video[:500]), "video/mp4", None)), return_exceptions=True
    )
    await keeper.forget(kept)
    listening = False
    keeper.close()
    print(type(failed[0]).__name__)

listening = False
sys.addaudithook(hear)
asyncio.run(main(pathlib.Path(sys.argv[1]), sys.stdin.buffer.read()))
"""


def test_the_event_loop_opens_moves_and_removes_no_file(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LISTENED_TO, str(tmp_path)],
        input=padded(movie(), 2 * MIB),
        capture_output=True,
        check=True,
    )
    assert run.stdout.decode().splitlines() == ["AnswerLost"]
