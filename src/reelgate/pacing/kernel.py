"""From evidence to a density: every job and the prior become boxes of probability.

A box is a uniform density over a stretch of time. Sums of boxes are piecewise constant, so the
law built on them has an exact hazard, an exact integral of its square root and an exact inverse:
no grid to choose and nothing that depends on the scale of time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from reelgate.pacing.boxes import Box
from reelgate.pacing.censored import Share, growth
from reelgate.pacing.coarse import settled
from reelgate.pacing.evidence import BROAD_FROM_S, BROAD_UP_TO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reelgate.pacing.evidence import Prior, Seen

REMEMBERED = 200
"""Jobs a law is learned from; older ones are left out."""
HALF_LIFE = 50
"""A job counts half as much as the one this many jobs later: providers drift."""
NEIGHBOURS = 0.7
"""How many neighbours a box reaches, in units of the square root of the number of jobs."""
RELATIVE_WIDTH = 0.005
"""Smallest half-width of a box as a share of its duration: identical durations are no spike."""
SHORTEST = 0.001
"""A job shorter than this share of the prior's middle is given a box as wide as one of it."""
COARSE = 1.4
"""A job is known coarsely if its looks lie further apart than so many half-widths of its box."""
BROAD_STEP = 1.5
"""The log-uniform part of a prior is drawn in stretches that end at so many times their start."""


@dataclass(frozen=True, slots=True)
class Density:
    """Boxes, and the probability that lies beyond them all: weights and `beyond` add up to 1."""

    boxes: tuple[Box, ...]
    beyond: float


def smooth(jobs: Sequence[Seen], prior: Prior) -> Density:
    """Turn jobs, oldest first, and a prior that counts as one of them into a density."""
    weighed = list(weights(jobs))
    ended = [(job, weight) for job, weight in weighed if job.finished]
    broad, ranges, beyond = broad_boxes(prior), range_boxes(prior), prior.outside / 2
    grown = growth(
        (Share(job.after_s, weight) for job, weight in weighed if not job.finished),
        (Share(job.middle_s, weight) for job, weight in ended),
        [*broad, *ranges],
        beyond,
    )
    fine, coarse = job_boxes(
        [(job, weight * grown.at(job.middle_s)) for job, weight in ended], prior
    )
    firm = [part for box in ranges for part in grown.of(box)] + fine
    # The broad part is dense at short times, and would draw there what is known coarsely.
    boxes = [part for box in broad for part in grown.of(box)] + firm + settled(coarse, firm)
    beyond *= grown.last
    whole = beyond + sum(box.weight for box in boxes)
    return Density(
        tuple(Box(box.left_s, box.right_s, box.weight / whole) for box in boxes), beyond / whole
    )


def weights(jobs: Sequence[Seen]) -> Iterator[tuple[Seen, float]]:
    """What each job counts; of those that ended, 1 on average and the youngest most.

    A job's weight depends on when it began alone, so that those that began together and still run
    are weighed against those that ended.
    """
    later, recent = 0, []
    for job in reversed(jobs):
        if later == REMEMBERED:
            break
        recent.append((job, 2 ** (-later / HALF_LIFE)))
        later += job.finished
    whole = sum(weight for job, weight in recent if job.finished)
    unit = later / whole if later else 1.0
    return ((job, weight * unit * job.alike) for job, weight in recent)


def range_boxes(prior: Prior) -> list[Box]:
    """The published range, and where the provider's other kinds say that it lies.

    With the broad part and the tail their weights make 1.
    """
    inside = 1 - prior.outside / 2 - prior.broad
    if (moved := prior.moved) is None:
        return [Box(prior.low_s, prior.high_s, inside)]
    return [
        Box(prior.low_s, prior.high_s, inside * (1 - moved.share)),
        Box(moved.low * prior.middle_s, moved.high * prior.middle_s, inside * moved.share),
    ]


def broad_boxes(prior: Prior) -> list[Box]:
    """Log-uniform: the same weight on each of the stretches, whose ends grow by one factor."""
    last_s = BROAD_UP_TO * prior.high_s
    first_s = min(BROAD_FROM_S * prior.unit_s, last_s / BROAD_STEP)
    count = math.ceil(math.log(last_s / first_s, BROAD_STEP))
    step = (last_s / first_s) ** (1 / count)
    ends_s = [*(first_s * step**nth for nth in range(count)), last_s]
    return [Box(left, right, prior.broad / count) for left, right in pairwise(ends_s)]


def job_boxes(ended: Sequence[tuple[Seen, float]], prior: Prior) -> tuple[list[Box], list[Box]]:
    """One box for each job and its weight: those known finely, and those known coarsely."""
    ordered = sorted(ended, key=lambda pair: pair[0].middle_s)
    halves = half_widths_s([job.middle_s for job, _ in ordered], prior)
    fine: list[Box] = []
    coarse: list[Box] = []
    for (job, weight), half_s in zip(ordered, halves, strict=True):
        known = coarse if job.by_s - job.after_s > COARSE * half_s else fine
        known.append(job_box(job, half_s, weight))
    return fine, coarse


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
    borrowed = max(prior.relative_width / (4 * max(count, 1)), RELATIVE_WIDTH)
    least_s = SHORTEST * prior.middle_s
    return [
        max(reach_s(middles, at, k), borrowed * max(middle, least_s))
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
