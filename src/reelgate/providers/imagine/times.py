"""How long imagine.art usually takes, from the few times it publishes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from reelgate.providers.imagine.models import SEED_MODEL
from reelgate.video import VideoRequest

# Published: 5 s and 6 s at 720p, and 12 s at 1080p, which takes 120 to 180 s.
# The last one is brought down to 720p by the factor below.
POINTS_AT_720P = ((5, 60.0, 90.0), (6, 70.0, 100.0), (12, 96.0, 144.0))
# Assumed: nobody publishes one duration at two resolutions.
RESOLUTION_FACTOR: Mapping[str | None, float] = {"480p": 0.8, "720p": 1.0, "1080p": 1.25}


def typical_s(request: VideoRequest) -> tuple[float, float] | None:
    """The shortest and longest usual time in seconds; None where nothing is published."""
    factor = RESOLUTION_FACTOR.get(request.resolution)
    if request.model != SEED_MODEL or factor is None or not isinstance(request.duration, int):
        return None
    shortest_s, longest_s = at_720p_s(request.duration)
    return shortest_s * factor, longest_s * factor


def at_720p_s(duration: int) -> tuple[float, float]:
    """The usual times at 720p: straight lines through the published points, level beyond them."""
    first, last = POINTS_AT_720P[0], POINTS_AT_720P[-1]
    seconds = min(max(duration, first[0]), last[0])
    for (left, low_a, high_a), (right, low_b, high_b) in pairwise(POINTS_AT_720P):
        if seconds <= right:
            part = (seconds - left) / (right - left)
            return low_a + part * (low_b - low_a), high_a + part * (high_b - high_a)
    return last[1], last[2]
