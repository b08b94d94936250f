"""An event and the change it tells of are one: both are durable, or neither."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from reelgate.clock import SystemClock
from reelgate.db.admission import Admission, AdmissionOptions
from reelgate.db.changes import Changes
from reelgate.db.database import Database
from reelgate.db.videos import LostRace, Videos
from reelgate.db.webhook_log import Delivery, WebhookLog
from reelgate.domain.video import Failure, State, Timeline, Video, VideoRequest, new_video_id
from reelgate.errors import StorageFailed
from reelgate.webhooks.events import EventOutbox, Events

from .conftest import opened
from .receivers import Receiver, a_post

URL = "https://example.com/hook"
ENDS = {"video.completed", "video.failed"}
WHY = Failure("upstream_failed", "It did not work.")


def an_outbox(url: str = URL, wanted: set[str] | None = None) -> EventOutbox:
    events = Events(wanted or ENDS, url, SystemClock(), lambda video: f"https://cdn/{video.id}")
    return EventOutbox(events, lambda: None)


async def a_video(database: Database, webhook_url: str | None = None) -> Video:
    """A durable video in the queue."""
    request = VideoRequest(
        model="m",
        prompt="a cat",
        aspect_ratio="16:9",
        duration=5,
        resolution="720p",
        options={"style_id": 1},
    )
    video = Video(
        id=new_video_id(),
        owner="",
        request=request,
        provider="p",
        timeline=Timeline(created_at=1.0),
        webhook_url=webhook_url,
    )
    await Admission(database).admit(video, AdmissionOptions(now=1.0))
    return video


async def told(database: Database) -> list[Delivery]:
    return await WebhookLog(database).page(limit=100)


async def test_a_move_and_its_event_survive_together(database_url: str, receiver: Receiver) -> None:
    async with opened(database_url) as database:
        video = await a_video(database)
        videos = Videos(database, Changes(), an_outbox(receiver.url))
        await videos.move(video, State.FAILED, failure=WHY)
    async with opened(database_url) as database, a_post(database):
        (got,) = await receiver.has(1)
    assert (got.type, got.body["data"]["id"]) == ("video.failed", video.id)
    assert got.body["data"]["error"] == {"code": WHY.code, "message": WHY.message}


async def test_where_the_event_cannot_be_written_the_video_does_not_move(either: Database) -> None:
    class Full(EventOutbox):
        def note(self, connection: Connection, video: Video) -> None:
            super().note(connection, video)
            raise OSError("no space left")

    events = Events(ENDS, URL, SystemClock(), lambda _video: "")
    video = await a_video(either)
    videos = Videos(either, Changes(), Full(events, lambda: None))
    with pytest.raises(StorageFailed):
        await videos.move(video, State.FAILED, failure=WHY)
    found = await videos.find(video.id)
    assert found is not None
    assert found.state is State.QUEUED
    assert await told(either) == []


async def test_whoever_loses_the_race_tells_nobody(either: Database) -> None:
    video = await a_video(either)
    videos = Videos(either, Changes(), an_outbox())
    await videos.move(video, State.FAILED, failure=WHY)
    with pytest.raises(LostRace):
        await videos.move(video, State.FAILED, failure=WHY)
    assert len(await told(either)) == 1


async def test_only_the_moves_that_were_asked_for_are_told(database: Database) -> None:
    quiet, every = an_outbox(), an_outbox(wanted={"video.in_progress", *ENDS})
    for outbox, names in ((quiet, ["completed"]), (every, ["in_progress", "completed"])):
        videos = Videos(database, Changes(), outbox)
        video = await a_video(database)
        for state in (State.SUBMITTING, State.RENDERING, State.FETCHING, State.COMPLETED):
            video = await videos.move(video, state)
        events = [
            each.message for each in await told(database) if each.message.video_id == video.id
        ]
        assert [each.event for each in events][::-1] == [f"video.{name}" for name in names]


async def test_nobody_to_tell_means_no_event_and_both_may_be_told_at_once(
    database: Database,
) -> None:
    for own, for_all, urls in (
        (None, "", []),
        (None, URL, [URL]),
        ("https://other.example/", URL, [URL, "https://other.example/"]),
        (URL, URL, [URL]),
    ):
        video = await a_video(database, own)
        await Videos(database, Changes(), an_outbox(for_all)).move(video, State.FAILED, failure=WHY)
        found = [each.message for each in await told(database) if each.message.video_id == video.id]
        assert sorted(each.url for each in found) == sorted(urls)
        assert len({each.id for each in found}) == len(urls)


@pytest.mark.parametrize("column", ["queued_at", "tried_at"])
async def test_a_delivery_of_a_clock_that_was_ahead_does_not_wait_for_it(
    either: Database, receiver: Receiver, column: str
) -> None:
    await Videos(either, Changes(), an_outbox(receiver.url)).move(
        await a_video(either), State.FAILED, failure=WHY
    )
    ahead = f"due_at = due_at + 7200, {column} = created_at + 7200"
    await either.write(
        lambda connection: connection.exec_driver_sql(f"UPDATE webhook_deliveries SET {ahead}")
    )
    async with a_post(either):
        await receiver.has(1)
