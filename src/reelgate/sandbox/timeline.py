"""How long imagine.art takes, as published, and in between.

Published: 5 s at 720p in 60-90 s, 6 s at 720p in 70-100 s, 12 s at 1080p in 120-180 s. Between
these the bounds are interpolated linearly over the clip's seconds and multiplied by a factor per
resolution; outside 5-12 s the nearest slope goes on. The factors and the slopes are ours; the three
published points come out exactly.
"""

from __future__ import annotations

from itertools import pairwise

from reelgate.sandbox.chance import Chance

AT_720P = ((5.0, 60.0, 90.0), (6.0, 70.0, 100.0), (12.0, 96.0, 144.0))
"""(clip seconds, least, most); the last row is the published 12 s at 1080p over its factor."""

FACTOR_BY_SHORT_SIDE_PX = (
    (360, 0.7),
    (480, 0.8),
    (540, 0.85),
    (720, 1.0),
    (1080, 1.25),
    (1440, 1.6),
    (2160, 2.5),
)
LEAST_S = 10.0


def published_times_s(duration_s: int, short_side_px: int) -> tuple[float, float]:
    """Return the least and the most seconds a clip takes to get ready, at speed 1."""
    left, right = next(
        (pair for pair in pairwise(AT_720P) if duration_s <= pair[1][0]), tuple(AT_720P[-2:])
    )
    along = (duration_s - left[0]) / (right[0] - left[0])
    factor = _factor(short_side_px)
    least = max(LEAST_S, left[1] + along * (right[1] - left[1]))
    most = max(LEAST_S, left[2] + along * (right[2] - left[2]))
    return least * factor, most * factor


def draw_ready_after_s(
    duration_s: int, short_side_px: int, *, speed: float, seed: int, key: str
) -> float:
    """Draw the seconds until ready, uniform on the published times divided by `speed`.

    The same seed and key draw the same time in every process.
    """
    least, most = published_times_s(duration_s, short_side_px)
    return Chance(f"{seed}:{key}").between(least, most) / speed


def _factor(short_side_px: int) -> float:
    return next(
        (factor for side, factor in FACTOR_BY_SHORT_SIDE_PX if short_side_px <= side),
        FACTOR_BY_SHORT_SIDE_PX[-1][1],
    )
