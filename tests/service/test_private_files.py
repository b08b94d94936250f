"""Prompts stand in the database and in its copies: only their owner may read them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from reelgate.db.backup import backup
from reelgate.db.private_files import not_ours, private_folder
from reelgate.errors import StorageFailed
from tests.gateway import a_gateway

from .test_api_keys import a_key

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no modes")


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """As where somebody has made files readable and writable for all."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_database_and_the_folders_that_are_made_for_it_are_their_owner_s(
    tmp_path: Path,
) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere" / "reelgate.sqlite"
    for url, file in (("", data / "reelgate.sqlite"), (f"sqlite:///{elsewhere}", elsewhere)):
        async with a_gateway(data, database_url=url):
            for end in ("", "-wal", "-shm"):
                assert mode(file.with_name(f"{file.name}{end}")) == 0o600, end
            assert mode(file.parent) == mode(data) == 0o700


async def test_a_key_made_before_the_first_start_makes_the_same(tmp_path: Path) -> None:
    data = tmp_path / "data"
    await a_key(data, "alice")
    assert (mode(data), mode(data / "reelgate.sqlite")) == (0o700, 0o600)


async def test_a_backup_is_its_owner_s(tmp_path: Path) -> None:
    await a_key(tmp_path, "alice")
    copy = tmp_path / "copy.sqlite"
    backup(f"sqlite:///{tmp_path}/reelgate.sqlite", copy)
    assert mode(copy) == 0o600


async def remedies(data: Path, database: Path | None = None) -> list[str]:
    """What a gateway that starts tells its operator to do."""
    url = f"sqlite:///{database}" if database else ""
    with structlog.testing.capture_logs() as logged:
        async with a_gateway(data, database_url=url):
            pass
    return [entry["remedy"] for entry in logged if entry["event"] == "readable_by_others"]


async def test_what_the_operator_made_is_left_as_it_is_and_warned_about(tmp_path: Path) -> None:
    """Such as a volume, or a database of an older version."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    for folder, made_as in ((shared, 0o755), (own, 0o700)):
        os.mkdir(folder, made_as)  # noqa: PTH102 - asynchronous tests may not use the other
    assert await remedies(own) == []
    assert await remedies(shared) == [f"chmod 700 {shared}"]
    assert (mode(shared), mode(shared / "reelgate.sqlite")) == (0o755, 0o600)
    for folder in (shared, own):
        os.chmod(folder / "reelgate.sqlite", 0o644)  # noqa: PTH101
    assert await remedies(own) == []
    file = shared / "reelgate.sqlite"
    assert await remedies(own, file) == [f"chmod 700 {shared}", f"chmod 600 {file}"]
    assert mode(file) == 0o644


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StorageFailed, match="file/data cannot be made: Not a directory"):
        private_folder(file / "data", f"the folder {file}/data")


def test_a_volume_that_belongs_to_another_user_says_what_to_do() -> None:
    """As hosting platforms mount them: for root."""
    told = not_ours(
        "the folder /data", Path("/data"), os.stat_result((0o40755, 0, 0, 0, 4711, 0, 0, 0, 0, 0))
    )
    user = os.geteuid()
    for words in (
        "/data belongs to user 4711 (mode 755)",
        f"runs as user {user}",
        f"chown -R {user} /data",
        "--user 4711",
        "RAILWAY_RUN_UID=4711",
    ):
        assert words in told
