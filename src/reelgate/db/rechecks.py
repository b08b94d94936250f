"""Failed videos that are looked at again, and whose an upstream's job is that nobody followed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Unpack

from sqlalchemy import Connection, Double, Integer, Text, bindparam, func, select, text, update

from reelgate.db.database import Database
from reelgate.db.group_commit import Work
from reelgate.db.rows import from_row, shallow
from reelgate.db.schema import RECHECKED, videos
from reelgate.db.videos import Progress, Videos, all_of
from reelgate.domain.price import Money
from reelgate.domain.video import Failure, State, Video, first_id_of

NEIGHBOURHOOD_S = 2 * 86400.0
"""A job is made no longer than that before its submit."""
RIVAL_S = 900.0
"""Two submits of one prompt closer together than that may each have made what is found."""

DUE = (
    select(videos)
    .where(
        RECHECKED,
        videos.c.recheck_at <= bindparam("the_now"),
        videos.c.provider.in_(bindparam("the_providers", expanding=True)),
    )
    .order_by(videos.c.recheck_at)
    .limit(bindparam("the_limit", type_=Integer))
)
NOTE = (
    update(videos)
    .where(
        videos.c.id == bindparam("the_id"),
        videos.c.state == State.FAILED.value,
        videos.c.recheck_at.is_not_distinct_from(bindparam("was", type_=Double)),
    )
    .values(recheck_at=bindparam("the_recheck"), failure=bindparam("the_failure"))
)
NOTE_ACCEPTED = (
    update(videos)
    .where(
        videos.c.id == bindparam("the_id"),
        videos.c.state == State.FAILED.value,
        videos.c.provider_id.is_(None),
    )
    .values(
        provider_id=bindparam("the_provider_id", type_=Text),
        batch_id=bindparam("the_batch", type_=Text),
        cost=bindparam("the_cost", type_=Integer),
        unit=func.coalesce(bindparam("the_unit", type_=Text), videos.c.unit),
    )
)
# A job of ours is made before the upstream's, and ids sort by time: older ones need not be read.
TAKEN = select(videos.c.provider_id).where(
    videos.c.id >= bindparam("the_oldest"),
    videos.c.provider == bindparam("the_provider"),
    videos.c.provider_id.in_(bindparam("the_candidates", expanding=True)),
)
UNRESOLVED = select(videos).where(
    videos.c.id >= bindparam("the_oldest"),
    videos.c.id != bindparam("the_id"),
    videos.c.provider == bindparam("the_provider"),
    videos.c.provider_id.is_(None),
    videos.c.submitting_at.between(bindparam("since"), bindparam("until")),
    videos.c.state.in_([State.SUBMITTING.value, State.FAILED.value]),
)
ONE_BY_ONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:the_provider, 1))")


class Claimed(Exception):
    """Another job of ours has the upstream's job, or may have made it."""


class Rechecks:
    """Named queries on them."""

    def __init__(self, database: Database, videos: Videos) -> None:
        self._database = database
        self._videos = videos

    async def due(self, providers: Iterable[str], now: float, limit: int) -> list[Video]:
        """The failed videos of these providers that are to be looked at again."""
        values = {"the_providers": list(providers), "the_now": now, "the_limit": limit}
        return await self._database.read(all_of(DUE, values))

    async def note(self, video: Video, recheck_at: float | None, failure: Failure | None) -> bool:
        """Say when a failed video is looked at again, and why it failed as far as is known now.

        False where another process has said so meanwhile, or it has not failed any more.
        """
        values = {
            "the_id": video.id,
            "was": video.recheck_at,
            "the_recheck": recheck_at,
            "the_failure": json.dumps(shallow(failure)) if failure else None,
        }

        def change(connection: Connection) -> bool:
            return bool(connection.execute(NOTE, values).rowcount)

        return await self._database.write(change)

    async def note_accepted(
        self, video: Video, provider_id: str, batch_id: str, cost: Money | None
    ) -> None:
        """Note what the upstream accepted for a job that had ended before its answer came."""
        values = {
            "the_id": video.id,
            "the_provider_id": provider_id,
            "the_batch": batch_id,
            "the_cost": None if cost is None else cost.amount,
            "the_unit": None if cost is None else cost.unit.value,
        }

        def change(connection: Connection) -> None:
            connection.execute(NOTE_ACCEPTED, values)

        await self._database.write(change)

    async def taken(self, video: Video, candidates: Iterable[str]) -> set[str]:
        """Which of these jobs of the upstream's are known to be other videos'."""
        values = neighbourhood(video) | {"the_candidates": list(candidates)}
        return await self._database.read(lambda connection: set(connection.scalars(TAKEN, values)))

    async def claim(
        self, video: Video, candidate: str, *, is_marked: bool, **changes: Unpack[Progress]
    ) -> Video:
        """Give a video whose submit was lost the upstream's job that it made.

        All processes decide it one after the other, so that no two videos get the same job.

        Args:
            video: the one whose submit was lost.
            candidate: the upstream's job.
            is_marked: it has the submit's own marker. One that is only alike is given to
                nobody as long as another submit of the same prompt lacks its job.
            changes: what else is known of the video now.

        Raises:
            Claimed: another video has it, or may have made it.
            LostRace: the video was moved meanwhile.
        """
        values = neighbourhood(video) | {"the_candidates": [candidate]}

        async def write(change: Work[Video | None]) -> Video | None:
            def guarded(connection: Connection) -> Video | None:
                if connection.dialect.name == "postgresql":
                    connection.execute(ONE_BY_ONE, {"the_provider": video.provider})
                if connection.scalars(TAKEN, values).first() is not None:
                    raise Claimed(candidate)
                if not is_marked and unresolved(connection, video):
                    raise Claimed(candidate)
                return change(connection)

            return await self._database.write(guarded)

        changes["provider_id"] = candidate
        return await self._videos.move(video, State.RENDERING, write, **changes)


def neighbourhood(video: Video) -> dict[str, Any]:
    """Among which videos those are that may have the job of a lost submit."""
    return {
        "the_provider": video.provider,
        "the_oldest": first_id_of(sent_at(video) - NEIGHBOURHOOD_S),
    }


def sent_at(video: Video) -> float:
    """When its submit was sent, Unix seconds."""
    return video.timeline.submitting_at or video.timeline.created_at


def unresolved(connection: Connection, video: Video) -> list[Video]:
    """Other submits of the same prompt, at about the same time, whose outcome is not known."""
    at = sent_at(video)
    around = {"the_id": video.id, "since": at - RIVAL_S, "until": at + RIVAL_S}
    rows = connection.execute(UNRESOLVED, neighbourhood(video) | around).mappings()
    others = (from_row(row) for row in rows)
    return [
        other
        for other in others
        if other.request.prompt == video.request.prompt
        and (other.state is State.SUBMITTING or other.is_lost or other.marker)
    ]
