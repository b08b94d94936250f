"""A backup, put in the place of a database that was lost or is not wanted any more."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from reelgate.cli.exits import ExitCode
from reelgate.db.backup import backup, restore
from reelgate.errors import StorageFailed
from reelgate.sandbox import Sandbox
from tests.cli.program import Home, stop
from tests.gateway import TINY, a_gateway, a_prompt, read_rows, until

SHORT = ("--duration", "5", "--resolution", "720p")


def test_a_gateway_goes_on_from_its_backup(tmp_path: Path) -> None:
    home, videos = Home(tmp_path), tmp_path / "videos"
    with home.start("serve", "--port", "0") as serving:
        home.address(serving)
        made = home.run("generate", "A cat", *SHORT, "--json", "-o", "cat.mp4")
        assert home.run("backup", "copy.sqlite").code == ExitCode.OK
        while_it_runs = home.run("restore", "copy.sqlite", "--force")
        stop(serving, signal.SIGINT)
    assert while_it_runs.code == ExitCode.GATEWAY
    assert "another reelgate" in while_it_runs.err

    (home.data / "videos").rename(videos)
    without_force = home.run("restore", "copy.sqlite")
    assert (without_force.code, "--force" in without_force.err) == (ExitCode.USAGE, True)
    restored = home.run("restore", "copy.sqlite", "--force", "--videos", str(videos))
    assert (restored.code, "reelgate.sqlite.replaced" in restored.err) == (ExitCode.OK, True)
    with home.start("serve", "--port", "0") as serving:
        address = f"{home.address(serving)}/v1/videos/{made.json['id']}/content"
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == (home.folder / "cat.mp4").read_bytes()
        stop(serving, signal.SIGINT)


@pytest.mark.parametrize("send_queued", [False, True])
async def test_what_waited_in_line_in_a_copy_is_paid_for_once(
    tmp_path: Path, *, send_queued: bool
) -> None:
    """It was sent after the copy was made, or the gateway was stopped before it was."""
    live, restored = tmp_path / "live", tmp_path / "restored"
    copy, database = tmp_path / "copy.sqlite", f"sqlite:///{restored}/reelgate.sqlite"
    first, second = a_prompt("[[ready after=1]]"), a_prompt()
    async with Sandbox(TINY) as sandbox:
        async with a_gateway(live, sandbox.url, max_in_flight=1) as gateway:
            asking = [asyncio.create_task(gateway.generate(first))]
            await until(lambda: gateway.was_accepted(first))
            asking.append(asyncio.create_task(gateway.generate(second)))
            await until(lambda: are_rows(live, 2))
            await asyncio.to_thread(backup, f"sqlite:///{live}/reelgate.sqlite", copy)
            if not send_queued:
                await asyncio.gather(*asking)
        await asyncio.gather(*asking, return_exceptions=True)
        restore(copy, database, send_queued=send_queued)
        async with a_gateway(restored, sandbox.url) as gateway:
            await until(lambda: all_over(restored))
            assert len(await gateway.accepted(second)) == 1
            [row] = gateway.rows(second)
            assert row["state"] == ("completed" if send_queued else "failed")
            assert send_queued or json.loads(row["failure"])["code"] == "submission_unknown"


async def are_rows(data_dir: Path, number: int) -> bool:
    return len(read_rows(data_dir)) == number


async def all_over(data_dir: Path) -> bool:
    return {row["state"] for row in read_rows(data_dir)} <= {"completed", "failed"}


def tables_of(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def test_what_is_no_whole_copy_of_ours_takes_no_place(tmp_path: Path) -> None:
    damaged, foreign, newer = (tmp_path / name for name in ("damaged", "foreign", "newer"))
    damaged.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8192)
    tables_of(foreign, "CREATE TABLE videos (state)")
    tables_of(newer, "CREATE TABLE alembic_version AS SELECT '9901' AS version_num")
    data = tmp_path / "data"
    for copy, says in (
        (damaged, "could not be copied"),
        (foreign, "none of its tables"),
        (newer, "newer Reelgate"),
        (tmp_path / "missing", "could not be copied"),
    ):
        with pytest.raises(StorageFailed, match=says):
            restore(copy, f"sqlite:///{data}/reelgate.sqlite", send_queued=False)
    assert list(data.iterdir()) == []


def test_the_log_of_a_database_goes_aside_with_it(tmp_path: Path) -> None:
    """SQLite would write it into the database that takes its place."""
    home = Home(tmp_path)
    assert home.run("migrate").code == ExitCode.OK
    database, copy = home.data / "reelgate.sqlite", tmp_path / "copy.sqlite"
    backup(f"sqlite:///{database}", copy)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE later (x)")
        connection.commit()
        for file in home.data.glob("reelgate.sqlite*"):
            shutil.copy(file, tmp_path / file.name)
    for file in tmp_path.glob("reelgate.sqlite*"):
        shutil.copy(file, home.data / file.name)
    aside = restore(copy, f"sqlite:///{database}", send_queued=False)
    assert aside is not None
    assert "later" in tables(aside)
    assert "later" not in tables(database)


def tables(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
