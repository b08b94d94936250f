from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import requests
from moto.server import ThreadedMotoServer

from reelgate.errors import StorageFailed, VideoExpired
from reelgate.media.disk import Upload
from reelgate.media.storage import Storage, open_storage

TYPE = "video/mp4"
MIB = 1024 * 1024
LARGE = os.urandom(5 * MIB + 17)


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    """A real S3-compatible server with a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        requests.put(f"http://{host}:{port}/videos", timeout=10).raise_for_status()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def s3(s3_address: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Storage:
    _credentials(monkeypatch)
    prefix = request.node.name.encode().hex()
    return open_storage(f"s3://videos/{prefix}?endpoint={s3_address}&region=eu-west-1")


def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    match request.param:
        case "folder":
            return open_storage(str(tmp_path / "kept"))
        case "file":
            return open_storage((tmp_path / "with blank").as_uri())
        case "memory":
            return open_storage("memory:///")
        case _:
            found: Storage = request.getfixturevalue("s3")
            return found


def _source(storage: Storage, tmp_path: Path, content: bytes) -> Path:
    folder = storage.scratch_dir or tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "source"
    path.write_bytes(content)
    return path


async def _put(storage: Storage, tmp_path: Path, key: str, content: bytes) -> None:
    await storage.put(Upload(key, _source(storage, tmp_path, content), TYPE))


async def _read(storage: Storage, key: str, start: int, stop: int) -> bytes:
    async with storage.reading(key, start, stop) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_what_was_put_is_read_again(storage: Storage, tmp_path: Path) -> None:
    await _put(storage, tmp_path, "a.mp4", LARGE)
    assert await _read(storage, "a.mp4", 0, len(LARGE)) == LARGE


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (len(LARGE) - 1, len(LARGE)), (5, MIB + 5), (7, 7), (0, 2 * MIB)],
)
async def test_a_range_is_read_exactly(
    storage: Storage, tmp_path: Path, start: int, stop: int
) -> None:
    await _put(storage, tmp_path, "a.mp4", LARGE)
    assert await _read(storage, "a.mp4", start, stop) == LARGE[start:stop]


async def test_chunks_are_of_bounded_size(storage: Storage, tmp_path: Path) -> None:
    await _put(storage, tmp_path, "a.mp4", LARGE)
    async with storage.reading("a.mp4", 0, len(LARGE)) as chunks:
        assert max([len(chunk) async for chunk in chunks]) <= MIB


async def test_a_reader_may_leave_early(storage: Storage, tmp_path: Path) -> None:
    await _put(storage, tmp_path, "a.mp4", LARGE)
    async with storage.reading("a.mp4", 0, len(LARGE)) as chunks:
        assert LARGE.startswith(await anext(chunks))
    assert await _read(storage, "a.mp4", 0, 3) == LARGE[:3]


async def test_a_file_can_be_replaced(storage: Storage, tmp_path: Path) -> None:
    await _put(storage, tmp_path, "a.mp4", b"old one")
    await _put(storage, tmp_path, "a.mp4", b"new")
    assert await _read(storage, "a.mp4", 0, 3) == b"new"
    head = await storage.head("a.mp4")
    assert head is not None
    assert (head.key, head.size_bytes) == ("a.mp4", 3)


async def test_files_are_stored_together_and_their_sources_are_gone(
    storage: Storage, tmp_path: Path
) -> None:
    video = _source(storage, tmp_path, b"clip")
    picture = video.with_name("picture")
    picture.write_bytes(b"picture")
    files = Upload("a.mp4", video, TYPE), Upload("a.webp", picture, "image/webp")
    assert await storage.put(*files) == {"a.mp4", "a.webp"}
    assert await _read(storage, "a.mp4", 0, 4) == b"clip"
    assert await _read(storage, "a.webp", 0, 7) == b"picture"
    assert not video.exists()
    assert not picture.exists()


async def test_the_first_file_is_stored_though_another_cannot_be(
    storage: Storage, tmp_path: Path
) -> None:
    video = _source(storage, tmp_path, b"clip")
    missing = Upload("a.webp", video.with_name("missing"), "image/webp")
    assert await storage.put(Upload("a.mp4", video, TYPE), missing) == {"a.mp4"}
    assert await _read(storage, "a.mp4", 0, 4) == b"clip"
    assert await storage.head("a.webp") is None


async def test_a_missing_file_shows_before_anything_is_read(storage: Storage) -> None:
    assert await storage.head("none.mp4") is None
    with pytest.raises(VideoExpired):
        async with storage.reading("none.mp4", 0, 10):
            pytest.fail("it was opened")


async def test_a_file_shorter_than_it_should_be_is_not_served_as_whole(
    storage: Storage, tmp_path: Path
) -> None:
    await _put(storage, tmp_path, "a.mp4", b"short")
    with pytest.raises(StorageFailed, match="shorter"):
        await _read(storage, "a.mp4", 0, 6)


async def test_deleting_is_final_and_may_be_repeated(storage: Storage, tmp_path: Path) -> None:
    await _put(storage, tmp_path, "a.mp4", b"clip")
    await storage.delete("a.mp4")
    await storage.delete("a.mp4")
    assert await storage.head("a.mp4") is None


async def test_all_files_are_listed_with_their_sizes(storage: Storage, tmp_path: Path) -> None:
    for number in range(3):
        await _put(storage, tmp_path, f"{number}.mp4", bytes(number))
    listed = {stored.key: stored async for stored in storage.objects()}
    assert {key: stored.size_bytes for key, stored in listed.items()} == {
        "0.mp4": 0,
        "1.mp4": 1,
        "2.mp4": 2,
    }
    assert await storage.head("2.mp4") == listed["2.mp4"]


@pytest.mark.parametrize("key", ["", "../a", "a/b", ".a", "/etc/passwd", "a\0", "a" * 300])
async def test_a_key_never_leads_elsewhere(storage: Storage, key: str) -> None:
    with pytest.raises(ValueError, match="cannot be a key"):
        await storage.head(key)


async def test_a_folder_gives_no_address(tmp_path: Path) -> None:
    folder = open_storage(str(tmp_path / "kept"))
    await _put(folder, tmp_path, "a.mp4", b"clip")
    assert await folder.presigned_url("a.mp4", 60) is None


async def test_a_file_is_moved_into_a_folder_and_not_copied(tmp_path: Path) -> None:
    folder = open_storage(str(tmp_path / "kept"))
    source = _source(folder, tmp_path, b"clip")
    inode = source.stat().st_ino
    await folder.put(Upload("a.mp4", source, TYPE))
    assert (tmp_path / "kept" / "a.mp4").stat().st_ino == inode


async def test_anybody_can_read_a_presigned_url_with_ranges(s3: Storage, tmp_path: Path) -> None:
    await _put(s3, tmp_path, "a.mp4", LARGE)
    url = await s3.presigned_url("a.mp4", 60)
    assert url is not None
    headers = {"Range": "bytes=10-19"}
    answer = await asyncio.to_thread(requests.get, url, headers=headers, timeout=10)
    assert (answer.status_code, answer.content) == (206, LARGE[10:20])
    assert answer.headers["content-type"] == TYPE
    assert "X-Amz-Expires=60" in url
    assert "not-a-secret" not in url


async def test_a_server_is_found_in_the_environment_too(
    s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _credentials(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    storage = open_storage("s3://videos/environment")
    await _put(storage, tmp_path, "a.mp4", b"clip")
    assert await _read(storage, "a.mp4", 0, 4) == b"clip"


async def test_a_large_file_goes_up_in_parts_and_comes_back(s3: Storage, tmp_path: Path) -> None:
    content = os.urandom(12_000_000)
    await _put(s3, tmp_path, "a.mp4", content)
    assert await _read(s3, "a.mp4", 0, len(content)) == content


async def test_a_missing_bucket_is_named_as_the_reason(
    s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _credentials(monkeypatch)
    storage = open_storage(f"s3://no-such-bucket?endpoint={s3_address}")
    with pytest.raises(StorageFailed, match="the bucket does not exist"):
        await _put(storage, tmp_path, "a.mp4", b"clip")
    with pytest.raises(StorageFailed, match="could not be read"):
        await anext(storage.objects())


async def test_a_server_that_is_down_fails_without_giving_itself_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    _credentials(monkeypatch)
    storage = open_storage(f"s3://videos?endpoint=http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(StorageFailed) as caught:
        await _put(storage, tmp_path, "a.mp4", b"clip")
    assert "127.0.0.1" not in caught.value.message
    assert "AKIA" not in repr(storage)


async def test_a_large_file_is_read_in_constant_memory(tmp_path: Path) -> None:
    folder = open_storage(str(tmp_path / "kept"))
    size = 64 * 1024 * 1024
    source = _source(folder, tmp_path, b"")
    os.truncate(source, size)
    await folder.put(Upload("a.mp4", source, TYPE))
    tracemalloc.start()
    try:
        async with folder.reading("a.mp4", 0, size) as chunks:
            assert sum([len(chunk) async for chunk in _one_by_one(chunks)]) == size
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


async def _one_by_one(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "names no folder"),
        ("/", "names no folder"),
        ("file:///", "names no folder"),
        ("file://host/path", "names no folder"),
        ("ftp://host/path", "not ftp:"),
        ("s3:///", "cannot be used"),
        ("s3://videos?colour=red", "takes no colour"),
        ("gs://videos?endpoint=x", "takes no endpoint"),
    ],
)
def test_a_url_that_names_no_storage_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        open_storage(url)


def test_a_folder_that_cannot_be_made_fails_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed, match="not a directory") as caught:
        open_storage(str(tmp_path / "file" / "kept"))
    assert str(tmp_path) not in caught.value.message
