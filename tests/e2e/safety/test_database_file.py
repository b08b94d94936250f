"""The database's file: one gateway has it, and an order is taken only if it is still there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from sqlalchemy import event

from reelgate.db.sqlite import OpenFiles, ThreadConnections, only_gateway_on, sqlite_engine
from reelgate.errors import DatabaseAway, StorageFailed
from reelgate.runtime.gateway import open_gateway
from reelgate.settings import Settings
from tests.e2e.gateway.process import a_gateway_process
from tests.gateway import Gateway, a_gateway, a_prompt, settings_values, soon

ASYNC = {"Prefer": "respond-async"}
PATHS: dict[str, Callable[[Path], Path]] = {
    "the same path": lambda file: file,
    "a symlink to the file": lambda file: linked(file.parent.parent / "link.sqlite", file),
    "a symlink to the folder": lambda file: (
        linked(file.parent.parent / "folder", file.parent) / file.name
    ),
    "another spelling": lambda file: file.parent / ".." / file.parent.name / file.name,
    "a hard link": lambda file: hard_linked(file.with_name("hard.sqlite"), file),
}


def linked(link: Path, target: Path) -> Path:
    link.symlink_to(target)
    return link


def hard_linked(link: Path, target: Path) -> Path:
    link.hardlink_to(target)
    return link


async def test_a_second_gateway_on_the_same_file_is_refused_by_whatever_path(
    tmp_path: Path, sandbox_url: str
) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    file = folder / "reelgate.sqlite"
    async with a_gateway_process(folder, sandbox_url):
        # The lock must not be a file that somebody tidies up.
        for lock in folder.glob("*lock*"):
            lock.unlink()
        others = {way: lead(file) for way, lead in PATHS.items()}
        for way, path in others.items():
            with pytest.raises(StorageFailed, match="another reelgate works with the database"):
                async with open_gateway(on(path, tmp_path / way)):
                    pytest.fail("both are at work")
    async with open_gateway(on(file, tmp_path / "two")):
        pass


def on(database: Path, data_dir: Path) -> Settings:
    values = settings_values(data_dir, "", database_url=f"sqlite:///{database}")
    return Settings.model_validate(values)


async def test_two_files_in_one_folder_are_two_databases(tmp_path: Path) -> None:
    with only_gateway_on(tmp_path / "a.sqlite"), only_gateway_on(tmp_path / "b.sqlite"):
        pass


def removed(folder: Path) -> None:
    # Moved first: a reader that connects between two of the files would make one of them again.
    folder.rename(folder.with_name("old"))
    shutil.rmtree(folder.with_name("old"))


def file_removed(folder: Path) -> None:
    (folder / "reelgate.sqlite").unlink()


def log_removed(folder: Path) -> None:
    (folder / "reelgate.sqlite-wal").unlink()


def replaced(folder: Path) -> None:
    copy = folder / "copy"
    shutil.copy(folder / "reelgate.sqlite", copy)
    copy.replace(folder / "reelgate.sqlite")


def folder_replaced(folder: Path) -> None:
    folder.rename(folder.with_name("old"))
    shutil.copytree(folder.with_name("old"), folder)


@pytest.mark.parametrize("harm", [removed, file_removed, log_removed, replaced, folder_replaced])
async def test_no_order_is_taken_once_the_database_is_gone(
    tmp_path: Path, sandbox_url: str, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "data"
    async with a_gateway(folder, sandbox_url) as gateway:
        assert await ordered(gateway, a_prompt()) == 202
        with structlog.testing.capture_logs() as log:
            harm(folder)
            prompts = [a_prompt() for _ in range(3)]
            assert [await ordered(gateway, prompt) for prompt in prompts] == [507] * 3
            assert [await gateway.submits(prompt) for prompt in prompts] == [[]] * 3
    [away] = [line for line in log if line["event"] == "database_away"]
    assert "while the gateway runs" in away["error"]


@pytest.mark.parametrize("harm", [removed, file_removed, log_removed, replaced, folder_replaced])
def test_a_thread_that_connects_meanwhile_takes_no_other_file_for_the_database(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "data # 1?"
    folder.mkdir()
    path = folder / "reelgate.sqlite"
    path.touch()
    files = OpenFiles(path)
    with sqlite_engine(path, "BEGIN IMMEDIATE").begin() as held:
        held.exec_driver_sql("CREATE TABLE videos (id TEXT)")
        files.learn()
    engine = sqlite_engine(path, None)
    event.listen(engine, "do_connect", lambda *_: harm(folder))
    with pytest.raises(DatabaseAway, match="while the gateway runs"):
        ThreadConnections(engine, files).get()
    assert not path.exists() or path.stat().st_size  # Nobody made an empty one in its place.


async def test_orders_are_taken_again_once_the_folder_is_back(
    tmp_path: Path, sandbox_url: str
) -> None:
    folder = tmp_path / "data"
    async with a_gateway(folder, sandbox_url) as gateway:
        folder.rename(tmp_path / "elsewhere")
        assert await ordered(gateway, a_prompt()) == 507
        with structlog.testing.capture_logs() as log:
            (tmp_path / "elsewhere").rename(folder)
            assert await ordered(gateway, a_prompt()) == 202
            await soon(lambda: any(line["event"] == "database_back" for line in log))
    assert not any(line["event"] == "database_away" for line in log)


async def ordered(gateway: Gateway, prompt: str) -> int:
    """The answer to an order that nobody waits for."""
    return (await gateway.generate(prompt, headers=ASYNC)).status
