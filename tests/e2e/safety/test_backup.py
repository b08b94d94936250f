"""Copies of a running gateway's database."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from reelgate.db.backup import backup
from reelgate.errors import StorageFailed
from reelgate.sandbox import Sandbox
from tests.gateway import TINY, a_gateway, a_prompt, soon


async def test_a_copy_taken_under_load_starts_a_gateway_that_knows_every_job(
    tmp_path: Path,
) -> None:
    live, restored = tmp_path / "live", tmp_path / "restored"
    restored.mkdir()
    async with Sandbox(TINY) as sandbox:
        async with a_gateway(live, sandbox.url) as gateway:
            first = (await gateway.generate(a_prompt())).video
            callers = [asyncio.create_task(gateway.generate(a_prompt())) for _ in range(20)]
            await soon(lambda: len(list((live / "videos").glob("*.mp4"))) > 3)
            copy = restored / "reelgate.sqlite"
            await asyncio.to_thread(backup, f"sqlite:///{live}/reelgate.sqlite", copy)
            await asyncio.gather(*callers)
        shutil.copytree(live / "videos", restored / "videos")
        async with a_gateway(restored, sandbox.url) as gateway:
            reply = await gateway.call("GET", f"/v1/videos/{first}")
            assert reply.body["status"] == "completed"
            assert (await gateway.call("HEAD", f"/v1/videos/{first}/content")).status == 200


def test_a_damaged_database_is_not_copied_as_if_it_were_whole(tmp_path: Path) -> None:
    database = tmp_path / "reelgate.sqlite"
    database.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8192)
    with pytest.raises(StorageFailed, match=r"could not be copied|damaged"):
        backup(f"sqlite:///{database}", tmp_path / "copy.sqlite")
    assert [path.name for path in tmp_path.iterdir()] == ["reelgate.sqlite"]


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        backup(f"sqlite:///{tmp_path}/missing.sqlite", tmp_path / "copy.sqlite")
    assert list(tmp_path.iterdir()) == []
