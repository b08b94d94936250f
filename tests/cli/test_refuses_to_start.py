"""A gateway that cannot start says why in one line."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from reelgate.cli.commands.serve import run_server
from reelgate.cli.exits import CliError, ExitCode
from reelgate.errors import StorageFailed
from reelgate.runtime.gateway import open_gateway
from reelgate.settings import Settings
from tests.gateway import settings_values
from tests.postgres import PostgresServer, execute
from tests.tiny_disk import fill, tiny_disk

from .program import Home

NEWER = "made by a newer Reelgate"


async def refusal(folder: Path, **settings: object) -> str:
    """Why a gateway with these settings does not start."""
    values = settings_values(folder, "http://127.0.0.1:9", **settings)
    with pytest.raises(StorageFailed) as refused:
        async with open_gateway(Settings.model_validate(values)):
            pytest.fail("it started")
    assert "\n" not in refused.value.message
    return refused.value.message


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("storage_url", "ftp://host/folder", "REELGATE_STORAGE_URL"),
        ("storage_url", "az://container", "REELGATE_STORAGE_URL"),
        ("storage_url", "s3://bucket?colour=red", "colour"),
        ("database_url", "a folder", "REELGATE_DATABASE_URL"),
        ("database_url", "mysql://host/x", "'mysql'"),
        ("database_url", "sqlite://", "REELGATE_DATABASE_URL names no file"),
        ("database_url", "sqlite:////proc/nobody/x.sqlite", "/proc/nobody/x.sqlite"),
        ("database_url", "sqlite:////tmp", "the database /tmp"),
        ("database_url", "postgresql://me:pw@localhost:port/x", "REELGATE_DATABASE_URL"),
        ("database_url", "postgresql://me:pw@127.0.0.1:9/x", "postgresql://127.0.0.1:9/x"),
        ("database_url", "postgresql://me:pw@127.0.0.1:9/x?sslmode=perhaps", "sslmode"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, setting: str, value: str, told: str
) -> None:
    message = await refusal(tmp_path, **{setting: value})
    assert told in message
    assert "me:pw" not in message


async def test_a_database_whose_user_or_name_is_refused_is_named(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    with postgres_server.database(migrated=False) as url:
        parts = make_url(url)
        for wrong in (parts.set(username="nobody", password="pw"), parts.set(database="none")):
            address = wrong.render_as_string(hide_password=False)
            message = await refusal(tmp_path, database_url=address)
            assert "does not exist" in message
            assert "pw" not in message


async def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert f"the data folder {folder} (REELGATE_DATA_DIR)" in await refusal(folder)


async def test_a_disk_without_room_for_the_tables_is_told(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", 2**20) as disk:
        database = f"sqlite:///{disk}/reelgate.sqlite"
        with fill(disk):
            assert "disk" in await refusal(tmp_path, database_url=database)


async def test_an_older_version_leaves_a_newer_database_alone(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    with closing(sqlite3.connect(tmp_path / "reelgate.sqlite")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('0999')")
        connection.commit()
        assert NEWER in await refusal(tmp_path)
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        assert tables.fetchall() == [("alembic_version",)]
    with postgres_server.database() as url:
        await execute(url, "UPDATE alembic_version SET version_num = '0999'")
        assert NEWER in await refusal(tmp_path, database_url=url)


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("keys", "list"), ("migrate",)])
def test_a_command_ends_with_the_sentence_and_no_traceback(
    home: Home, command: tuple[str, ...]
) -> None:
    (home.folder / "file").touch()
    refused = home.run(*command, REELGATE_DATABASE_URL=f"sqlite:///{home.folder}/file/x.sqlite")
    assert refused.code == ExitCode.GATEWAY
    assert refused.err.splitlines()[-1].startswith("the folder of the database")
    assert "Traceback" not in refused.err


def test_an_error_that_nobody_foresaw_is_one_line_before_the_start_only() -> None:
    async def fail(_: object) -> None:
        await asyncio.sleep(0)
        raise KeyError("a\nb")

    with pytest.raises(CliError, match="KeyError"):
        run_server(fail, lambda: None)

    async def begin_and_fail(begun: object) -> None:
        assert callable(begun)
        begun()
        raise KeyError("later")

    with pytest.raises(KeyError):
        run_server(begin_and_fail, lambda: None)
