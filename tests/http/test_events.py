"""A video's changes as Server-Sent Events: every one told, in order, to any number of readers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp_sse_client2.client import EventSource

from reelgate.http import events
from tests.gateway import a_prompt, callers, soon

from .jobs import NEVER, READY_AT_ONCE, VIDEOS, JobsGateway, a_jobs_gateway, is_refused

CALLERS = 1000
STATUSES = ["queued", "in_progress", "completed"]


@dataclass(frozen=True)
class Event:
    """One event, or a comment, which has no id."""

    id: str
    video: dict[str, Any]
    comment: str = ""


def path_of(video: dict[str, Any]) -> str:
    return f"{VIDEOS}/{video['id']}/events"


async def follow(
    gateway: JobsGateway, video: dict[str, Any], last_event_id: str = ""
) -> AsyncGenerator[Event, None]:
    """The events of one stream until it ends."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    url = gateway.url + path_of(video)
    async with gateway.session.get(url, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        buffer = b""
        async for chunk in response.content.iter_any():
            buffer += chunk
            *whole, buffer = buffer.split(b"\n\n")
            for text in whole:
                if (event := read(text.decode())) is not None:
                    yield event


def read(text: str) -> Event | None:
    """An event by its lines; None for the stream's own settings."""
    if text.startswith(":"):
        return Event("", {}, text)
    fields = dict(line.split(": ", 1) for line in text.splitlines())
    if "event" not in fields:
        assert fields == {"retry": "2000"}
        return None
    assert fields["event"] == "video"
    return Event(fields["id"], json.loads(fields["data"]))


async def all_events(gateway: JobsGateway, video: dict[str, Any]) -> list[Event]:
    return [event async for event in follow(gateway, video)]


def never_falls(told: list[Event]) -> bool:
    """Whether neither the progress nor the status of a stream ever steps back."""
    progress = [event.video["progress"] for event in told]
    ranks = [STATUSES.index(event.video["status"]) for event in told]
    return progress == sorted(progress) and ranks == sorted(ranks)


async def test_a_stream_ends_with_the_finished_video(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt("[[ready after=0.5]]"))
    told = await all_events(gateway, video)
    assert never_falls(told)
    assert told[-1].video == await gateway.show(video["id"])
    assert (told[-1].video["status"], told[-1].video["progress"]) == ("completed", 100)
    assert len({event.id for event in told}) == len(told)


async def test_an_sse_library_follows_a_video_to_its_end(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt(READY_AT_ONCE))
    statuses = []
    url = gateway.url + path_of(video)
    short = timedelta(milliseconds=10)
    async with EventSource(url, session=gateway.session, reconnection_time=short) as stream:
        async for message in stream:
            assert message.type == "video"
            statuses.append(json.loads(message.data)["status"])
            if statuses[-1] == "completed":
                break
    assert statuses == sorted(statuses, key=STATUSES.index)


async def test_a_video_that_is_over_is_told_at_once(gateway: JobsGateway) -> None:
    video = await gateway.finished()
    [event] = await all_events(gateway, video)
    assert event.video == video


async def test_who_has_heard_the_end_is_told_not_to_come_back(gateway: JobsGateway) -> None:
    finished = await gateway.finished()
    failed = await gateway.created(a_prompt("[[402]]"))
    for video in (finished, await gateway.reached(failed["id"], "failed")):
        [event] = await all_events(gateway, video)
        headers = {"Last-Event-ID": event.id}
        reply = await gateway.call("GET", path_of(video), headers=headers)
        assert (reply.status, reply.text) == (204, "")


async def test_a_reader_that_comes_back_hears_only_what_is_new(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt(NEVER))
    await gateway.reached(video["id"], "in_progress")
    async with aclosing(follow(gateway, video)) as stream:
        heard = await anext(stream)
    again = asyncio.ensure_future(events_after(gateway, video, heard.id))
    await gateway.call("POST", f"{VIDEOS}/{video['id']}/cancel")
    told = await again
    assert heard.id not in [event.id for event in told]
    assert told[-1].video["status"] == "failed"
    progress = [event.video["progress"] for event in (heard, *told)]
    assert progress == sorted(progress)


async def events_after(
    gateway: JobsGateway, video: dict[str, Any], last_event_id: str
) -> list[Event]:
    return [event async for event in follow(gateway, video, last_event_id)]


@pytest.mark.parametrize("last", ["x", "9.999", "4.", "\u0664.1", "1.99"])
async def test_an_id_from_nowhere_does_no_harm(gateway: JobsGateway, last: str) -> None:
    video = await gateway.finished()
    [event] = await events_after(gateway, video, last)
    assert event.video == video


async def test_a_cancel_ends_the_stream(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt(NEVER))
    following = asyncio.ensure_future(all_events(gateway, video))
    await gateway.reached(video["id"], "in_progress")
    await gateway.call("POST", f"{VIDEOS}/{video['id']}/cancel")
    last = (await following)[-1].video
    assert (last["status"], last["error"]["code"]) == ("failed", "cancelled")


async def test_a_delete_ends_the_stream(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt(NEVER))
    following = asyncio.ensure_future(all_events(gateway, video))
    await gateway.reached(video["id"], "in_progress")
    await gateway.call("DELETE", f"{VIDEOS}/{video['id']}")
    assert (await following)[-1].video["error"]["code"] == "cancelled"
    assert is_refused(await gateway.call("GET", path_of(video)), 404, "video_not_found", "video_id")


async def test_a_failure_while_the_file_is_fetched_does_not_set_progress_back(
    gateway: JobsGateway,
) -> None:
    video = await gateway.created(a_prompt("[[ready after=0.2]] [[asset-slow-bytes rate=100]]"))
    async with aclosing(follow(gateway, video)) as stream:
        told = []
        async for event in stream:
            told.append(event)
            if event.video["reelgate"]["timeline"]["ready_at"] is not None:
                await gateway.call("POST", f"{VIDEOS}/{video['id']}/cancel")
    assert [event.video["progress"] for event in told[-2:]] == [99, 99]
    assert told[-1].video["status"] == "failed"


async def test_a_silent_stream_shows_that_somebody_is_there(
    gateway: JobsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.0)
    monkeypatch.setattr(events, "MAX_TICK_S", 0.05)
    monkeypatch.setattr(events, "MIN_TICK_S", 0.05)
    video = await gateway.created(a_prompt(NEVER))
    comments = 0
    async with aclosing(follow(gateway, video)) as stream:
        async for event in stream:
            comments += bool(event.comment)
            if comments == 2:
                break


async def test_progress_is_told_while_nothing_else_changes(
    gateway: JobsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MIN_TICK_S", 0.01)
    video = await gateway.created(a_prompt("[[ready after=1]]"))
    told = await all_events(gateway, video)
    rendering = {event.video["progress"] for event in told if event.video["progress"] < 99}
    assert len(rendering) > 3
    assert never_falls(told)


async def test_a_thousand_readers_are_all_told_and_a_slow_one_holds_nobody_up(
    gateway: JobsGateway,
) -> None:
    video = await gateway.created(a_prompt("[[ready after=4]]"))
    slow = await gateway.session.get(gateway.url + path_of(video), read_bufsize=64)
    streams = [asyncio.ensure_future(all_events(gateway, video)) for _ in range(CALLERS)]
    told = await asyncio.gather(*streams)
    assert [events[-1].video["status"] for events in told] == ["completed"] * CALLERS
    assert all(never_falls(events) for events in told)
    slow.close()


async def test_a_reader_who_leaves_is_let_go(gateway: JobsGateway) -> None:
    video = await gateway.created(a_prompt(NEVER))
    await gateway.reached(video["id"], "in_progress")
    before = len(asyncio.all_tasks())
    streams = [await gateway.session.get(gateway.url + path_of(video)) for _ in range(50)]
    assert len(asyncio.all_tasks()) > before + 50
    for stream in streams:
        stream.close()
    await soon(lambda: len(asyncio.all_tasks()) <= before + 5)


async def test_a_stream_of_no_video_is_not_found(gateway: JobsGateway) -> None:
    reply = await gateway.call("GET", f"{VIDEOS}/video_0/events")
    assert is_refused(reply, 404, "video_not_found", "video_id")


async def test_streams_end_when_the_gateway_stops(tmp_path: Path, sandbox_url: str) -> None:
    async with callers() as session:
        async with a_jobs_gateway(tmp_path, sandbox_url) as gateway:
            video = await gateway.created(a_prompt(NEVER))
            stream = await session.get(gateway.url + path_of(video))
            assert b"retry: " in await stream.content.readany()
        async with stream:
            await stream.content.read()
            assert stream.content.at_eof()
            assert stream.content.exception() is None
