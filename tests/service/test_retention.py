"""Files that have lived their time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from reelgate.clock import SystemClock
from reelgate.db.admission import Admission
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.durations import Durations
from reelgate.db.kept_references import KeptReferences
from reelgate.db.videos import Videos
from reelgate.images.kept import SCHEME, ReferenceKeeper
from reelgate.media.keeper import Keeper
from reelgate.media.storage import open_storage
from reelgate.sandbox import Sandbox
from reelgate.service.housekeeping import Housekeeping
from tests.gateway import TINY, Gateway, a_gateway, a_prompt

DAY_S = 86400.0


class Later(SystemClock):
    """A clock that is ahead."""

    def __init__(self, ahead_s: float) -> None:
        self._ahead_s = ahead_s

    def now(self) -> float:
        return super().now() + self._ahead_s


@asynccontextmanager
async def housekeeping(
    data_dir: Path, *, ahead_s: float = 0.0, max_age_s: float | None, max_bytes: int | None
) -> AsyncIterator[Housekeeping]:
    """A round of housekeeping in a gateway's folder, at another time."""
    database = open_database(f"sqlite:///{data_dir}/reelgate.sqlite")
    storage = open_storage(str(data_dir / "videos"))
    keeper = Keeper(storage, data_dir / "scratch")
    keeper.prepare()
    clock = Later(ahead_s)
    references = ReferenceKeeper(storage, KeptReferences(database, SCHEME), clock, data_dir)
    yield Housekeeping(
        Videos(database, Changes()),
        Admission(database),
        Durations(database),
        keeper,
        references,
        clock,
        max_age_s=max_age_s,
        max_total_bytes=max_bytes,
    )
    keeper.close()
    await database.close()


async def content(gateway: Gateway, video: str) -> tuple[int, str]:
    """The status of a video's content, and the error's code where there is one."""
    async with gateway.session.get(f"{gateway.url}/v1/videos/{video}/content") as response:
        if response.status == 200:
            return 200, ""
        return response.status, (await response.json())["error"]["code"]


async def test_a_file_beyond_its_age_is_removed_and_honestly_gone(tmp_path: Path) -> None:
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path, sandbox.url, retention_days=7) as gateway,
    ):
        video = (await gateway.generate(a_prompt())).video
        told = (await gateway.call("GET", f"/v1/videos/{video}")).body
        assert abs(told["expires_at"] - told["completed_at"] - 7 * DAY_S) <= 1
        async with housekeeping(
            tmp_path, ahead_s=6.9 * DAY_S, max_age_s=7 * DAY_S, max_bytes=None
        ) as early:
            await early.round()
        assert await content(gateway, video) == (200, "")
        async with housekeeping(
            tmp_path, ahead_s=7.1 * DAY_S, max_age_s=7 * DAY_S, max_bytes=None
        ) as due:
            await due.round()
        assert await content(gateway, video) == (410, "video_expired")
        assert list((tmp_path / "videos").glob(f"{video}*")) == []
        assert (await gateway.call("GET", f"/v1/videos/{video}")).body["status"] == "completed"


async def test_beyond_the_total_size_the_oldest_files_go_first(tmp_path: Path) -> None:
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        videos = [(await gateway.generate(a_prompt())).video for _ in range(3)]
        newest = sum(file.stat().st_size for file in (tmp_path / "videos").glob(f"{videos[2]}.mp4"))
        async with housekeeping(tmp_path, max_age_s=None, max_bytes=newest) as full:
            await full.round()
        statuses = [(await content(gateway, video))[0] for video in videos]
        assert statuses == [410, 410, 200]


async def test_a_file_that_is_gone_does_not_answer_a_later_request(tmp_path: Path) -> None:
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        prompt, fresh = a_prompt(), {"Cache-Control": "max-age=86400"}
        first = await gateway.generate(prompt, headers=fresh)
        assert (await gateway.generate(prompt, headers=fresh)).video == first.video
        async with housekeeping(tmp_path, max_age_s=None, max_bytes=1) as full:
            await full.round()
        assert (await gateway.generate(prompt, headers=fresh)).video != first.video
