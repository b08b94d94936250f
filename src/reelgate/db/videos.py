"""The videos: every change is a compare-and-set, and is published to its subscribers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol, TypedDict, Unpack

from sqlalchemy import (
    BigInteger,
    Connection,
    RowMapping,
    Select,
    Text,
    Update,
    bindparam,
    case,
    func,
    select,
    update,
)

from reelgate.db.changes import Changes
from reelgate.db.database import Database
from reelgate.db.group_commit import Work
from reelgate.db.rows import (
    PROGRESS_COLUMNS,
    from_row,
    polls_column,
    progress_columns,
    route_as_json,
)
from reelgate.db.schema import HAS_FILE, OPEN, videos
from reelgate.db.usage import delete_video
from reelgate.db.video_page import NEVER_STORED, Page, query_for
from reelgate.domain.polls import Poll, Polls
from reelgate.domain.price import Money
from reelgate.domain.routing import Route
from reelgate.domain.video import (
    Caller,
    Correction,
    Failure,
    KeptFile,
    State,
    Timeline,
    Video,
    VideoRequest,
    may_move,
)
from reelgate.polling.forecast import Forecast

PUSH_GAP_S = 1.0
"""A push that comes sooner than that after the last one changes nothing."""

# Statements are built once: building one costs as much as running it.
FIND = select(videos).where(videos.c.id == bindparam("the_id"))
UNFINISHED = (
    select(videos.c.id)
    .where(OPEN, videos.c.provider.in_(bindparam("the_providers", expanding=True)))
    .order_by(videos.c.id)
)
COUNT_OPEN = select(func.count()).select_from(videos).where(OPEN)
CLAIM = (
    update(videos)
    .where(videos.c.id == bindparam("the_id"), OPEN)
    # A submit under way belongs to whoever began it: only its outcome moves the video on.
    .values(epoch=videos.c.epoch + case((videos.c.state == State.SUBMITTING.value, 0), else_=1))
    .returning(*videos.c)
)
MOVE = (
    update(videos)
    .where(
        videos.c.id == bindparam("the_id"),
        videos.c.state == bindparam("was"),
        videos.c.epoch == bindparam("the_epoch"),
        videos.c.attempts == bindparam("the_attempts"),
    )
    .values(
        {column: bindparam(column) for column in PROGRESS_COLUMNS}
        # Whoever moves the video need not know all of its polls.
        | {"polls": func.coalesce(bindparam("polls", type_=Text), videos.c.polls)}
    )
    # What others may have changed meanwhile; the rest is known.
    .returning(videos.c.caller, videos.c.retries)
)
REROUTE = (
    update(videos)
    .where(
        videos.c.id == bindparam("the_id"),
        videos.c.state == bindparam("was"),
        videos.c.epoch == bindparam("the_epoch"),
        videos.c.attempts == bindparam("the_attempts"),
    )
    .values(
        state=State.QUEUED.value,
        provider=bindparam("now_provider"),
        model=bindparam("now_model"),
        request=bindparam("now_request"),
        route=bindparam("now_route"),
        estimate=bindparam("now_estimate", type_=BigInteger),
        unit=bindparam("now_unit", type_=Text),
        marker="",
        recheck_at=None,
    )
    .returning(*videos.c)
)
NOTE_PUSH = (
    update(videos)
    .where(
        videos.c.id == bindparam("the_id"),
        videos.c.marker == bindparam("the_marker"),
        videos.c.state == State.RENDERING.value,
        videos.c.pushed_at.is_(None) | (videos.c.pushed_at < bindparam("the_now") - PUSH_GAP_S),
    )
    .values(pushed_at=bindparam("the_now"))
    .returning(*videos.c)
)
TRANSFER = (
    update(videos)
    .where(videos.c.id == bindparam("the_id"), videos.c.caller == bindparam("was"))
    .values(caller=bindparam("now"))
)
ALL_CALLERS_DISCONNECTED = (
    update(videos).where(videos.c.caller == Caller.WAITING.value).values(caller=Caller.GONE.value)
)
NOTE_DECODINGS = (
    update(videos)
    .where(
        videos.c.id == bindparam("the_id"),
        videos.c.state == State.FETCHING.value,
        videos.c.epoch == bindparam("the_epoch"),
    )
    .values(decodings=bindparam("the_decodings"))
)
WITH_FILE = (
    select(videos)
    .where(HAS_FILE, videos.c.state.in_([State.COMPLETED.value, State.FAILED.value]))
    .order_by(videos.c.completed_at)
)
DROP_FILE = (
    update(videos)
    .where(videos.c.id == bindparam("the_id"))
    .values(file=None, file_bytes=None, expires_at=bindparam("the_now"))
    .returning(*videos.c)
)


class LostRace(Exception):
    """Somebody else changed the video first: what was known of it is out of date."""


class IllegalMove(Exception):
    """The table of moves does not have this one: a mistake in the program."""


class Progress(TypedDict, total=False):
    """The fields that a move may change beside the state."""

    attempts: int
    provider_id: str
    batch_id: str
    cost: Money | None
    forecast: Forecast | None
    failure: Failure | None
    file: KeptFile | None
    marker: str | None
    recheck_at: float | None
    corrects: Correction | None
    expires_at: float | None
    timeline: Timeline


Write = Callable[[Work[Video | None]], Awaitable[Video | None]]
"""Runs a change in a transaction, as `Database.write` does."""


class Outbox(Protocol):
    """Records webhook events in the transaction of a video's move."""

    def note(self, connection: Connection, video: Video) -> None:
        """Record the move in its own transaction; may run again after a rollback."""
        ...

    def committed(self) -> None:
        """The move and its events are durable."""
        ...


def unobserved(_before: Video, _after: Video) -> None:
    """Nobody is told of moves."""


class Videos:
    """Named queries on the videos; `outbox` is None without webhooks."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        outbox: Outbox | None = None,
        moved: Callable[[Video, Video], None] = unobserved,
    ) -> None:
        """`moved` gets a video before and after each move that this process made durable."""
        self._database = database
        self._changes = changes
        self._outbox = outbox
        self._moved = moved
        self._unwritten_polls: dict[str, Polls] = {}

    async def find(self, video_id: str) -> Video | None:
        if NEVER_STORED in video_id:
            return None
        return await self._first(FIND, {"the_id": video_id})

    async def unfinished(self, providers: Iterable[str]) -> list[str]:
        """The ids of all videos of these providers that still go on, oldest first."""
        values = {"the_providers": list(providers)}
        return await self._database.read(
            lambda connection: list(connection.scalars(UNFINISHED, values))
        )

    async def count_open(self) -> int:
        return await self._database.read(lambda connection: connection.scalar(COUNT_OPEN) or 0)

    async def claim(self, video_id: str) -> Video | None:
        """Take a video over: from now on only moves of the returned epoch count.

        One that is being submitted keeps its epoch, for the process that submits it may live.
        Where only one process uses the database there is nobody to take it from.
        None when there is nothing left to do for it.
        """
        if self._database.is_shared:
            return await self._change(CLAIM, {"the_id": video_id}, from_row)
        video = await self.find(video_id)
        return None if video is None or video.is_over else video

    async def move(
        self,
        video: Video,
        state: State,
        write: Write | None = None,
        **changes: Unpack[Progress],
    ) -> Video:
        """Move a video to another state, and change other fields with it.

        `write` runs the change in a transaction; what it raises is passed on.

        Raises:
            LostRace: it is no longer in the state and epoch of `video`.
            IllegalMove: no such move exists.
        """
        if not may_move(video, state):
            message = f"{video.id}: {video.state} -> {state}"
            raise IllegalMove(message)
        unwritten = self._unwritten_polls.get(video.id)
        moved = replace(video, state=state, polls=unwritten or video.polls, **changes)
        expected = {
            "the_id": video.id,
            "was": video.state.value,
            "the_epoch": video.epoch,
            "the_attempts": video.attempts,
        }
        values = expected | progress_columns(moved) | {"polls": polls_column(unwritten)}

        def as_it_is(row: RowMapping) -> Video:
            if (row["caller"], row["retries"]) == (moved.caller, moved.retries):
                return moved
            return replace(moved, caller=Caller(row["caller"]), retries=row["retries"])

        result = await self._change(MOVE, values, as_it_is, self._outbox, write)
        if result is None:
            raise LostRace(video.id)
        self._moved(video, result)
        return result

    async def reroute(
        self,
        video: Video,
        provider: str,
        request: VideoRequest,
        route: Route,
        estimate: Money | None = None,
    ) -> Video:
        """Put a video that surely was not accepted into the queue of another model's account.

        `estimate`: what it is expected to cost there.

        Raises:
            LostRace: it is no longer in the state and epoch of `video`.
            IllegalMove: it may have been accepted.
        """
        if not may_move(video, State.QUEUED):
            message = f"{video.id}: {video.state} -> {State.QUEUED}"
            raise IllegalMove(message)
        values = {
            "the_id": video.id,
            "was": video.state.value,
            "the_epoch": video.epoch,
            "the_attempts": video.attempts,
            "now_provider": provider,
            "now_model": request.model,
            "now_request": json.dumps(request.as_json()),
            "now_route": json.dumps(route_as_json(route)),
            "now_estimate": None if estimate is None else estimate.amount,
            "now_unit": None if estimate is None else estimate.unit.value,
        }
        result = await self._change(REROUTE, values, from_row)
        if result is None:
            raise LostRace(video.id)
        self._moved(video, result)
        return result

    def note_poll(self, video: Video, poll: Poll) -> None:
        """Keep a poll for the video's next move: to write each down would cost a transaction."""
        known = self._unwritten_polls.get(video.id) or video.polls or Polls()
        self._unwritten_polls[video.id] = known.followed_by(poll)

    def forget_polls(self, video: Video) -> None:
        """Nobody polls the video here any more: what was not written down is lost."""
        self._unwritten_polls.pop(video.id, None)

    async def note_push(self, video_id: str, marker: str, now: float) -> bool:
        """Note that a video's upstream says that there is something to see.

        Returns:
            Whether a job is at work that was submitted with this marker.
        """
        if not marker or NEVER_STORED in f"{video_id}{marker}":
            return False
        values = {"the_id": video_id, "the_marker": marker, "the_now": now}
        return await self._change(NOTE_PUSH, values, from_row) is not None

    async def note_decodings(self, video: Video, decodings: int) -> None:
        """Note how many processes decode the file of a video that have taken it over.

        Raises:
            LostRace: it is no longer this process's to fetch.
        """
        values = {"the_id": video.id, "the_epoch": video.epoch, "the_decodings": decodings}

        def change(connection: Connection) -> bool:
            return bool(connection.execute(NOTE_DECODINGS, values).rowcount)

        if not await self._database.write(change):
            raise LostRace(video.id)

    async def transfer(self, video_id: str, was: Caller, now: Caller) -> bool:
        """Change who waits for a video, which its followers do not see; whether `was` held."""
        values = {"the_id": video_id, "was": was.value, "now": now.value}

        def change(connection: Connection) -> bool:
            return bool(connection.execute(TRANSFER, values).rowcount)

        return await self._database.write(change)

    async def all_callers_disconnected(self) -> None:
        """Nobody waits any more: the process that held the callers has ended."""

        def change(connection: Connection) -> None:
            connection.execute(ALL_CALLERS_DISCONNECTED)

        await self._database.write(change)

    async def page(self, asked: Page) -> list[Video]:
        """Up to `limit` videos, newest first or oldest first, each without its polls."""
        if asked.finds_nothing:
            return []
        # A filter may pass over many rows before the page is full.
        run = self._database.read if asked.is_searched else self._database.look_up
        return await run(all_of(*query_for(asked)))

    async def delete(self, video_id: str) -> None:

        def change(connection: Connection) -> None:
            delete_video(connection, video_id)

        await self._database.write(change)

    async def with_file(self) -> list[Video]:
        """Every finished video whose file is kept, the longest kept first."""
        return await self._database.read(all_of(WITH_FILE, {}))

    async def drop_file(self, video_id: str, now: float) -> None:
        """Note that a video's file is no longer kept."""
        await self._change(DROP_FILE, {"the_id": video_id, "the_now": now}, from_row)

    async def _change(
        self,
        statement: Update,
        values: dict[str, Any],
        read: Callable[[RowMapping], Video],
        outbox: Outbox | None = None,
        write: Write | None = None,
    ) -> Video | None:
        def change(connection: Connection) -> Video | None:
            row = connection.execute(statement, values).mappings().first()
            if row is None:
                return None
            changed = read(row)
            if outbox is not None:
                outbox.note(connection, changed)
            return changed

        video = await (write or self._database.write)(change)
        if video is not None:
            self._changes.publish(video)
            if outbox is not None:
                outbox.committed()
        return video

    async def _first(self, query: Select[Any], values: dict[str, Any]) -> Video | None:
        def read(connection: Connection) -> Video | None:
            row = connection.execute(query, values).mappings().first()
            return None if row is None else from_row(row)

        return await self._database.look_up(read)


def all_of(query: Select[Any], values: dict[str, Any]) -> Work[list[Video]]:
    """Reads every video that a query finds."""

    def read(connection: Connection) -> list[Video]:
        return [from_row(row) for row in connection.execute(query, values).mappings().all()]

    return read
