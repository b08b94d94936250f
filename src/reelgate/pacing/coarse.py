"""Jobs known only to have ended within a wide stretch, as those that their first look found ready.

Each is placed within its stretch where the others are dense, again and again with what that gives:
self-consistency (Turnbull, 1976). Spread evenly they would tell of jobs that end long before any
does, and half the next looks would go there.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from reelgate.pacing.boxes import Box, between, edges_of, heights_of, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 8
"""The first few do nearly all; twenty gained 2 % more when this was chosen."""


def settled(coarse: Sequence[Box], others: Sequence[Box]) -> list[Box]:
    """Place the weight of each coarse box where, within it, all boxes together are dense."""
    if not coarse:
        return []
    edges = edges_of([*coarse, *others])
    firm, loose = heights_of(others, edges), heights_of(coarse, edges)
    for _ in range(ROUNDS):
        dense = [a + b for a, b in zip(firm, loose, strict=True)]
        claims = claims_on(coarse, dense, edges)
        loose = [height * claim for height, claim in zip(dense, claims, strict=True)]
    return [box for box in pieces(loose, edges) if box.weight > 0]


def claims_on(coarse: Sequence[Box], dense: Sequence[float], edges: Sequence[float]) -> list[float]:
    """Between edges, the weight that all boxes there have for each unit of what is there."""
    stretches = zip(dense, pairwise(edges), strict=True)
    masses = accumulate((height * (right - left) for height, (left, right) in stretches), initial=0)
    mass_by = dict(zip(edges, masses, strict=True))
    slope = dict.fromkeys(edges, 0.0)
    for box in coarse:
        claim = box.weight / (mass_by[box.right_s] - mass_by[box.left_s])
        slope[box.left_s] += claim
        slope[box.right_s] -= claim
    return between(slope, edges)
