"""What operators see: numbers of the videos of late, each from one query.

Ids grow with time, so that a span of days is a range of the primary key: nothing older is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import (
    ColumnElement,
    Connection,
    func,
    select,
)

from reelgate.db.database import Database
from reelgate.db.rows import to_money
from reelgate.db.schema import OPEN, durations, videos
from reelgate.db.usage import key_names, usage_of
from reelgate.domain.price import Money
from reelgate.domain.usage import Span, Usage
from reelgate.domain.video import State, first_id_of

DAY_S = 86400
DAYS = 30
LATEST = 500
"""Of how many videos the delays are told."""
MAX_FAILURES = 2000
PRICED = 50
"""Among how many finished videos one like the next is looked for."""
FEWEST = 3
"""Of fewer times nothing is told."""
CURVE_POINTS = 24


@dataclass(frozen=True, slots=True)
class Failures:
    """The videos that failed with one code."""

    code: str
    jobs: int
    last_at: float


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An API key and its unfinished videos; no name where it is gone, or there was none."""

    name: str | None
    open: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything of the last days."""

    states: dict[str, int]
    usage: list[Usage]
    failures: list[Failures]
    kept_s: list[float]
    """How long after it was found ready each of the latest videos was kept, in order of size."""
    unseen_s: list[float]
    """How long each of the latest may have been ready before it was found, in order of size."""
    keys: dict[str, KeyUse]
    """Of those who have asked for something, by id."""


class Statistics:
    """Named queries about many videos."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def overview(self, now: float, owner: str | None) -> Overview:
        """The last 30 days, of one owner or of all."""
        since = first_id_of(now - DAYS * DAY_S)
        mine = (videos.c.id >= since, *(() if owner is None else (videos.c.owner == owner,)))
        today = int(now // DAY_S)
        span = Span(today - DAYS, today, owner)
        return await self._database.read(lambda connection: overview(connection, mine, span))

    async def times(self, kind: str) -> list[tuple[float, float]]:
        """Between which two polls each of the latest jobs of a kind became ready, in seconds."""
        query = select(durations.c.after_s, durations.c.by_s).where(durations.c.kind == kind)

        def read(connection: Connection) -> list[tuple[float, float]]:
            return [(after, by) for after, by in connection.execute(query)]

        return await self._database.read(read)

    async def last_cost(self, now: float, model: str, wanted: Mapping[str, object]) -> Money | None:
        """What the last video of a model with these values cost; None where none is known."""
        query = (
            select(videos.c.request, videos.c.cost, videos.c.unit)
            .where(
                videos.c.id >= first_id_of(now - DAYS * DAY_S),
                videos.c.model == model,
                videos.c.cost.is_not(None),
            )
            .order_by(videos.c.id.desc())
            .limit(PRICED)
        )

        def read(connection: Connection) -> Money | None:
            for request, cost, unit in connection.execute(query):
                told = json.loads(request)
                if all(told.get(name) == value for name, value in wanted.items()):
                    return to_money(cost, unit)
            return None

        return await self._database.read(read)


def overview(connection: Connection, mine: Sequence[ColumnElement[bool]], span: Span) -> Overview:
    """Read all of it."""
    states: dict[str, int] = dict.fromkeys((state.value for state in State), 0)
    by_state = select(videos.c.state, func.count()).where(*mine).group_by(videos.c.state)
    states.update((state, jobs) for state, jobs in connection.execute(by_state))
    usage = usage_of(connection, span)
    return Overview(
        states=states,
        usage=usage,
        failures=failures(connection, mine),
        kept_s=sorted(kept(connection, mine)),
        unseen_s=sorted(unseen(connection)),
        keys=keys_of(connection, mine, {each.owner for each in usage}),
    )


def failures(connection: Connection, mine: Sequence[ColumnElement[bool]]) -> list[Failures]:
    """Why the latest failed, the most frequent first."""
    query = (
        select(videos.c.failure, videos.c.completed_at, videos.c.created_at)
        .where(*mine, videos.c.state == State.FAILED.value)
        .order_by(videos.c.id.desc())
        .limit(MAX_FAILURES)
    )
    found: dict[str, Failures] = {}
    for told, ended_at, created_at in connection.execute(query):
        code = str(json.loads(told or "{}").get("code", "unknown"))
        known = found.get(code, Failures(code, 0, 0.0))
        last_at = max(known.last_at, ended_at or created_at)
        found[code] = replace(known, jobs=known.jobs + 1, last_at=last_at)
    return sorted(found.values(), key=lambda each: -each.jobs)


def kept(connection: Connection, mine: Sequence[ColumnElement[bool]]) -> Iterable[float]:
    """How long the latest took from ready upstream to kept here."""
    query = (
        select(videos.c.ready_at, videos.c.completed_at)
        .where(*mine, videos.c.state == State.COMPLETED.value, videos.c.ready_at.is_not(None))
        .order_by(videos.c.id.desc())
        .limit(LATEST)
    )
    return [max(0.0, ended - ready) for ready, ended in connection.execute(query)]


def unseen(connection: Connection) -> Iterable[float]:
    """How far apart the two polls were between which each of the latest became ready."""
    query = (
        select(durations.c.after_s, durations.c.by_s).order_by(durations.c.id.desc()).limit(LATEST)
    )
    return [by - after for after, by in connection.execute(query)]


def keys_of(
    connection: Connection, mine: Sequence[ColumnElement[bool]], owners: Iterable[str]
) -> dict[str, KeyUse]:
    """The keys of these owners."""
    still = select(videos.c.owner, func.count()).where(*mine, OPEN).group_by(videos.c.owner)
    open_ = {row.owner: row[1] for row in connection.execute(still)}
    names = key_names(connection)
    return {owner: KeyUse(names.get(owner), open_.get(owner, 0)) for owner in owners}


@dataclass(frozen=True, slots=True)
class Times:
    """How long jobs of a kind take, in seconds, and how often: heights of a curve from 0 to p99."""

    jobs: int
    p10_s: float
    p50_s: float
    p90_s: float
    curve: tuple[float, ...]


def times_of(seen: Iterable[tuple[float, float]]) -> Times | None:
    """What the times of earlier jobs say of the next; None where they are too few.

    A job became ready somewhere between two polls: the middle stands for it.
    """
    middles = sorted((after + by) / 2 for after, by in seen)
    if len(middles) < FEWEST:
        return None
    longest = max(quantile(middles, 0.99), 1e-6)
    width = longest / CURVE_POINTS
    heights = [0.0] * CURVE_POINTS
    for middle in middles:
        place = min(CURVE_POINTS - 1, int(middle / width))
        # Spread over its neighbours: some hundred jobs make a ragged curve otherwise.
        for near, part in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            if 0 <= place + near < CURVE_POINTS:
                heights[place + near] += part
    return Times(
        jobs=len(middles),
        p10_s=quantile(middles, 0.1),
        p50_s=quantile(middles, 0.5),
        p90_s=quantile(middles, 0.9),
        curve=tuple(heights),
    )


def quantile(ordered: Sequence[float], part: float) -> float:
    """The value that this part of the ordered ones does not exceed."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
