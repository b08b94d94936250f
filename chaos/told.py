"""Whether everybody who was to be told of a video was: the webhooks' part of the audit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from urllib.parse import urlsplit

from chaos.receiver import FOR_ALL, Arrival
from chaos.rows import Row

ORDER = {"video.in_progress": 0, "video.completed": 1, "video.failed": 1}
"""Which event comes after which; two of one rank never both come."""


def paths_of(row: Row) -> set[str]:
    """Where a video's events must arrive."""
    return {FOR_ALL} | ({urlsplit(row.webhook_url).path} if row.webhook_url else set())


def untold(rows: Iterable[Row], arrivals: Iterable[Arrival]) -> list[str]:
    """Ends that did not arrive at one of their endpoints."""
    heard = {(one.path, one.video, one.event) for one in arrivals}
    return [
        f"{row.id}: no video.{row.state} at {path}"
        for row in rows
        for path in sorted(paths_of(row))
        if row.is_over and (path, row.id, f"video.{row.state}") not in heard
    ]


def misordered(arrivals: Iterable[Arrival]) -> list[str]:
    """Videos whose events arrived in a wrong order at first, or under more than one id."""
    firsts: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for one in arrivals:
        firsts[one.path, one.video].setdefault(one.id, one.event)
    return [
        f"{video} at {path}: {', '.join(events.values())}"
        for (path, video), events in firsts.items()
        if not is_ascending([ORDER[event] for event in events.values()])
    ]


def is_ascending(ranks: Sequence[int]) -> bool:
    """Whether each is greater than the one before."""
    return all(first < second for first, second in pairwise(ranks))


def invented(by_id: Mapping[str, Row], arrivals: Iterable[Arrival]) -> list[str]:
    """Events of videos that are not there, that ended otherwise, or that nobody asked for here."""
    return sorted(
        {
            f"{one.video}: {one.event} at {one.path}"
            for one in arrivals
            if not was_to_be_told(by_id.get(one.video), one)
        }
    )


def was_to_be_told(row: Row | None, arrival: Arrival) -> bool:
    """Whether a video gives reason for an event."""
    if row is None or arrival.path not in paths_of(row):
        return False
    return arrival.event in {"video.in_progress", f"video.{row.state}"}


def forged(arrivals: Iterable[Arrival]) -> list[str]:
    """Messages whose signature does not verify."""
    return sorted({one.id for one in arrivals if not one.is_genuine})
