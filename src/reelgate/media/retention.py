"""Which kept videos must be removed: by age, and by the space that all of them take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, dropwhile


@dataclass(frozen=True, slots=True)
class KeptVideo:
    """What one kept video takes, its thumbnail included; `kept_at` in Unix seconds."""

    video_id: str
    size_bytes: int
    kept_at: float


def expired(
    videos: Iterable[KeptVideo],
    now: float,
    *,
    max_age_s: float | None = None,
    max_total_bytes: int | None = None,
) -> tuple[KeptVideo, ...]:
    """The videos that must go, oldest first; None means that there is no such limit.

    A video goes when it is `max_age_s` old. If the rest takes more than `max_total_bytes`, the
    oldest go, and only as many as it needs.
    """
    oldest_first = sorted(videos, key=lambda video: (video.kept_at, video.video_id))
    aged = 0
    if max_age_s is not None:
        aged = sum(now - video.kept_at >= max_age_s for video in oldest_first)
    return tuple(oldest_first[: aged + _surplus(oldest_first[aged:], max_total_bytes)])


def _surplus(oldest_first: list[KeptVideo], max_total_bytes: int | None) -> int:
    """How many of the oldest must go so that the others fit."""
    if max_total_bytes is None:
        return 0
    # Counted from the newest back: the first one that does not fit goes, and all that are older.
    totals = accumulate(video.size_bytes for video in reversed(oldest_first))
    return sum(1 for _ in dropwhile(lambda total: total <= max_total_bytes, totals))
