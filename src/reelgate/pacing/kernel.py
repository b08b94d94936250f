"""From evidence to a density: every job and the prior become boxes of probability.

A box is a uniform density over a stretch of time. Sums of boxes are piecewise constant, so the
law built on them has an exact hazard, an exact integral of its square root and an exact inverse:
no grid to choose and nothing that depends on the scale of time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelgate.pacing.evidence import Prior, Seen

REMEMBERED = 200
"""Jobs a law is learned from; older ones are left out."""
HALF_LIFE = 50
"""A job counts half as much as the one this many jobs later: providers drift."""
NEIGHBOURS = 0.7
"""How many neighbours a box reaches, in units of the square root of the number of jobs."""
RELATIVE_WIDTH = 0.005
"""Smallest half-width of a box as a share of its duration: identical durations are no spike."""

ROOM_BEFORE = 0.001
"""A range that starts within this share of its end leaves no room before it for early jobs."""


@dataclass(frozen=True, slots=True)
class Box:
    """Probability `weight`, spread evenly over `left_s` to `right_s`."""

    left_s: float
    right_s: float
    weight: float


@dataclass(frozen=True, slots=True)
class Density:
    """Boxes, and the probability that lies beyond them all: weights and `beyond` add up to 1."""

    boxes: tuple[Box, ...]
    beyond: float


def smooth(jobs: Sequence[Seen], prior: Prior) -> Density:
    """Turn earlier jobs (oldest first) and a prior of weight 1 / (1 + jobs) into a density."""
    recent = jobs[-REMEMBERED:]
    prior_weight = 1 / (1 + len(recent))
    weighed = list(zip(recent, weights(len(recent)), strict=True))
    finished = [(job, weight) for job, weight in weighed if job.finished]
    endless = sum(weight for job, weight in weighed if not job.finished)
    boxes = prior_boxes(prior, prior_weight) + job_boxes(finished, prior)
    return Density(tuple(boxes), endless + prior_weight * prior.outside / 2)


def weights(count: int) -> list[float]:
    """What each job counts, oldest first: n / (1 + n) in all, the youngest most."""
    raw: list[float] = [2 ** ((at - count) / HALF_LIFE) for at in range(count)]
    whole = sum(raw) * (1 + count) / max(count, 1)
    return [weight / whole for weight in raw]


def prior_boxes(prior: Prior, weight: float) -> list[Box]:
    """The published range, and the little that may come before it."""
    early = prior.outside / 2 if prior.low_s > ROOM_BEFORE * prior.high_s else 0.0
    inside = Box(prior.low_s, prior.high_s, weight * (1 - prior.outside / 2 - early))
    return [Box(0.0, prior.low_s, weight * early), inside] if early else [inside]


def job_boxes(finished: Sequence[tuple[Seen, float]], prior: Prior) -> list[Box]:
    """One box for each finished job and its weight."""
    ordered = sorted(finished, key=lambda pair: pair[0].middle_s)
    halves = half_widths_s([job.middle_s for job, _ in ordered], prior)
    return [job_box(job, half, w) for (job, w), half in zip(ordered, halves, strict=True)]


def job_box(job: Seen, half_s: float, weight: float) -> Box:
    """A box as wide as the kernel asks, and at least as wide as what we do not know."""
    left = max(0.0, min(job.after_s, job.middle_s - half_s))
    return Box(left, max(job.by_s, job.middle_s + half_s), weight)


def half_widths_s(middles: Sequence[float], prior: Prior) -> list[float]:
    """Half-widths in seconds: the distance to the k-th neighbours, k growing with the root of n.

    A width taken from the neighbours is narrow where durations crowd and wide where they are rare,
    so two humps stay two humps and a heavy tail stays smooth (Loftsgaarden and Quesenberry, 1965).
    The few first jobs say little about the spread and borrow it from the prior.
    """
    count = len(middles)
    k = min(neighbours(count), count - 1)
    borrowed = prior.width_s / (4 * max(count, 1))
    return [
        max(reach_s(middles, at, k), borrowed, RELATIVE_WIDTH * middle)
        for at, middle in enumerate(middles)
    ]


def neighbours(count: int) -> int:
    """How many neighbours to each side a box spans."""
    return max(1, round(NEIGHBOURS * math.sqrt(count)))


def reach_s(middles: Sequence[float], at: int, k: int) -> float:
    """The distance to the k-th neighbour, on the nearer side that has one."""
    left = middles[at] - middles[at - k] if at >= k else math.inf
    right = middles[at + k] - middles[at] if at + k < len(middles) else math.inf
    nearer = min(left, right)
    return nearer if math.isfinite(nearer) else (middles[-1] - middles[0]) / 2
