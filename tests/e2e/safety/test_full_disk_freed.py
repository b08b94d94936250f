"""What is done while the disk is full."""

from __future__ import annotations

from pathlib import Path

import structlog

from tests.databases import databases
from tests.gateway import a_gateway, a_prompt, soon
from tests.tiny_disk import fill, resize, tiny_disk

MIB = 1024 * 1024


async def test_a_paid_video_waits_for_room_and_is_kept_once_there_is_some(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", MIB) as disk, structlog.testing.capture_logs() as log:
        async with a_gateway(tmp_path, storage_url=str(disk / "videos")) as gateway:
            prompt = a_prompt()
            await gateway.generate(prompt, headers={"Prefer": "respond-async"})
            await soon(lambda: any(line["event"] == "fetch_failed" for line in log))
            assert [row["state"] for row in gateway.rows(prompt)] == ["fetching"]

            resize(disk, 128 * MIB)
            await soon(lambda: gateway.rows(prompt)[0]["state"] == "completed")
            assert gateway.rows(prompt)[0]["attempts"] == 1


async def test_a_gateway_starts_on_a_disk_that_takes_no_byte_more(tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", MIB) as disk, fill(disk):
        database = databases.url_of(tmp_path) or f"sqlite:///{tmp_path}/elsewhere.sqlite"
        async with a_gateway(disk, database_url=database, storage_url=str(tmp_path)) as gateway:
            assert (await gateway.call("GET", "/health")).status == 200
