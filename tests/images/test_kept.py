"""References that are kept in our storage until no job needs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.kept_references import KeptReferences
from reelgate.db.migrate import migrate
from reelgate.db.videos import Videos
from reelgate.domain.picture import Picture, read_picture
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.domain.video import State, Video
from reelgate.errors import ReferenceExpired
from reelgate.images.kept import KEPT_FOR_S, SCHEME, USED_FOR_S, ReferenceKeeper
from reelgate.media.storage import open_storage
from tests.db.factories import NOW, a_video

from .pictures import a_picture

PICTURE = read_picture(a_picture(), "picture")


class Set:
    """A clock that is set."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment


class World:
    """One storage and one database, as several processes share them."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.clock = Set()
        self.database = open_database(database_url)
        self.admission = Admission(self.database)
        self.videos = Videos(self.database, Changes())

    def keeper(self) -> ReferenceKeeper:
        """One process's."""
        storage = open_storage(str(self.folder / "kept"))
        rows = KeptReferences(self.database, SCHEME)
        return ReferenceKeeper(storage, rows, self.clock, self.folder / "scratch")

    async def admitted(self, *urls: str) -> Video:
        """A job with these references."""
        told = (Reference(Kind.IMAGE, Role.FIRST_FRAME, url, PICTURE.digest) for url in urls)
        video = a_video()
        video = replace(video, request=replace(video.request, references=tuple(told)))
        return (await self.admission.admit(video, AdmissionOptions(NOW)))[0]

    def files(self) -> list[str]:
        return [path.name for path in (self.folder / "kept").iterdir() if path.is_file()]


@asynccontextmanager
async def a_world(folder: Path, database_url: str) -> AsyncIterator[World]:
    world = World(folder, database_url)
    await migrate(world.database)
    yield world
    await world.database.close()


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncIterator[World]:
    async with a_world(tmp_path, database_url) as made:
        yield made


async def test_what_one_process_keeps_another_loads_for_the_submit(world: World) -> None:
    sound = Picture(b"ID3 and so on", "audio/mpeg")
    urls = [await world.keeper().keep(each) for each in (PICTURE, sound)]
    video = await world.admitted(*urls, "https://elsewhere.example/a.png")
    assert await world.keeper().load(video.request) == dict(
        zip(urls, (PICTURE, sound), strict=True)
    )
    assert PICTURE.digest in urls[0]


async def test_a_file_stays_as_long_as_a_job_needs_it_and_no_longer(world: World) -> None:
    keeper = world.keeper()
    used, unused = await keeper.keep(PICTURE), await keeper.keep(PICTURE)
    video = await world.admitted(used)
    await keeper.remove_unused()
    assert len(world.files()) == 2
    world.clock.moment += KEPT_FOR_S + 1
    await keeper.remove_unused()
    assert world.files() == [used.removeprefix(SCHEME)]
    assert await keeper.load(video.request) == {used: PICTURE}
    await world.videos.move(video, State.FAILED)
    await world.keeper().remove_unused()
    assert world.files() == []
    with pytest.raises(ReferenceExpired):
        await keeper.load(video.request)
    with pytest.raises(ReferenceExpired):
        await keeper.renew(video.request)
    assert used != unused


async def test_a_remix_of_a_finished_video_keeps_its_reference(world: World) -> None:
    keeper = world.keeper()
    video = await world.admitted(await keeper.keep(PICTURE))
    await world.videos.move(video, State.FAILED)
    world.clock.moment += KEPT_FOR_S + 1
    await keeper.renew(video.request)
    await keeper.remove_unused()
    assert list((await keeper.load(video.request)).values()) == [PICTURE]


def test_a_file_stays_longer_than_its_address_is_given_out() -> None:
    assert KEPT_FOR_S >= 2 * USED_FOR_S
