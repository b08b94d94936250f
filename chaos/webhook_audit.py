"""The webhooks' part of the audit: each event delivered where it was due, and no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from chaos.receiver import ALL_EVENTS_PATH, Delivery
from chaos.rows import Row

BEGUN = "video.in_progress"


def webhook_paths(row: Row) -> set[str]:
    """Where a video's events must arrive."""
    return {ALL_EVENTS_PATH} | ({urlsplit(row.webhook_url).path} if row.webhook_url else set())


def undelivered(rows: Iterable[Row], deliveries: Iterable[Delivery]) -> list[str]:
    """Ends that were not delivered to one of their endpoints."""
    heard = {(one.path, one.video, one.event) for one in deliveries}
    return [
        f"{row.id}: no {event} at {path}"
        for row in rows
        if row.is_over
        for path in sorted(webhook_paths(row))
        for event in row.ends
        if (path, row.id, event) not in heard
    ]


def reordered(by_id: Mapping[str, Row], deliveries: Iterable[Delivery]) -> list[str]:
    """Videos whose events arrived in a wrong order at first, or under more than one id.

    Events of a video that is not there are `unexpected`.
    """
    firsts: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for one in deliveries:
        firsts[one.path, one.video].setdefault(one.id, one.event)
    return [
        f"{video} at {path}: {', '.join(events.values())}"
        for (path, video), events in firsts.items()
        if video in by_id and not is_in_order(by_id[video], list(events.values()))
    ]


def is_in_order(row: Row, events: Sequence[str]) -> bool:
    """Whether these are some of a video's events, each once and after those before it."""
    left = iter((BEGUN, *row.ends))
    return all(event in left for event in events)


def unexpected(by_id: Mapping[str, Row], deliveries: Iterable[Delivery]) -> list[str]:
    """Events of videos that are not there, that ended otherwise, or that nobody asked for here."""
    return sorted(
        {
            f"{one.video}: {one.event} at {one.path}"
            for one in deliveries
            if not is_expected(by_id.get(one.video), one)
        }
    )


def is_expected(row: Row | None, delivery: Delivery) -> bool:
    """Whether a delivery belongs to an event of a video."""
    if row is None or delivery.path not in webhook_paths(row):
        return False
    return delivery.event in {BEGUN, *row.ends}


def forged(deliveries: Iterable[Delivery]) -> list[str]:
    """Messages whose signature does not verify."""
    return sorted({one.id for one in deliveries if not one.is_genuine})
