"""From observations to a density: every job and the prior become boxes of probability."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from reelgate.polling.observations import BROAD_FROM_S, BROAD_UP_TO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reelgate.polling.observations import Prior, Seen


@dataclass(frozen=True, slots=True)
class Box:
    """Probability `weight`, spread evenly over `left_s` to `right_s`."""

    left_s: float
    right_s: float
    weight: float

    @property
    def height(self) -> float:
        """Its density."""
        return self.weight / (self.right_s - self.left_s)

    def after(self, time_s: float) -> float:
        """The part of its weight that lies after a time."""
        return self.height * max(0.0, self.right_s - max(self.left_s, time_s))


def edges_of(boxes: Iterable[Box]) -> list[float]:
    """Where their sum may change, ascending."""
    return sorted({edge for box in boxes for edge in (box.left_s, box.right_s)})


def heights_of(boxes: Iterable[Box], edges: Sequence[float]) -> list[float]:
    """The sum of their densities between edges that hold all of theirs."""
    slope = dict.fromkeys(edges, 0.0)
    for box in boxes:
        slope[box.left_s] += box.height
        slope[box.right_s] -= box.height
    return between(slope, edges)


def between(slope: Mapping[float, float], edges: Sequence[float]) -> list[float]:
    """What steps up and down at edges is between them, none below 0."""
    steps = accumulate(slope[edge] for edge in edges[:-1])
    return [max(0.0, step) for step in steps]  # adding and taking away leaves dust below zero


def pieces(heights: Iterable[float], edges: Sequence[float]) -> list[Box]:
    """The same as boxes that follow each other."""
    stretches = zip(heights, pairwise(edges), strict=True)
    return [Box(left, right, height * (right - left)) for height, (left, right) in stretches]


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


AGES = 48
"""Ages told apart: jobs that wait are pooled to so many, however many they are."""


@dataclass(frozen=True, slots=True)
class Share:
    """A weight at a time: a job that ended there, or one not ready there."""

    at_s: float
    weight: float


@dataclass(frozen=True, slots=True)
class Growth:
    """By how much what lies at a time outweighs itself: steps up at each age, from 1."""

    ages_s: tuple[float, ...]
    factors: tuple[float, ...]

    def at(self, time_s: float) -> float:
        """The factor at a time; at an age itself the one before the step."""
        return self.factors[bisect_left(self.ages_s, time_s)]

    @property
    def last(self) -> float:
        """The factor past every age."""
        return self.factors[-1]

    def of(self, box: Box) -> Iterator[Box]:
        """A box in parts, each heavier the more jobs have outlasted what came before."""
        inside = [age for age in self.ages_s if box.left_s < age < box.right_s]
        for left_s, right_s in pairwise([box.left_s, *inside, box.right_s]):
            yield Box(left_s, right_s, box.height * (right_s - left_s) * self.at(right_s))


def growth(
    waiting: Iterable[Share], ended: Iterable[Share], prior: Sequence[Box], beyond: float
) -> Growth:
    """Share out all jobs that wait among what lies to the right of each.

    Args:
        waiting: jobs not ready at a time.
        ended: jobs that ended at a time.
        prior: boxes of probability.
        beyond: the weight past all of these, above 0: there is always somebody to share with.
    """
    pooled, endings = pool(waiting), sorted(ended, key=lambda share: share.at_s)
    times = [share.at_s for share in endings]
    ended_from, waiting_from = sums_from(endings), sums_from(pooled)
    factors = [1.0]
    for at, share in enumerate(pooled):
        right = beyond + sum(box.after(share.at_s) for box in prior)
        right += ended_from[bisect_right(times, share.at_s)] + waiting_from[at + 1]
        factors.append(factors[-1] * (1 + share.weight / right))
    return Growth(tuple(share.at_s for share in pooled), tuple(factors))


def sums_from(shares: Sequence[Share]) -> list[float]:
    """The weight from each on, and 0 past the last."""
    return list(accumulate((share.weight for share in reversed(shares)), initial=0.0))[::-1]


def pool(waiting: Iterable[Share]) -> list[Share]:
    """At most `AGES` different ages, ascending; a job never found unready tells nothing."""
    ordered = sorted((share for share in waiting if share.at_s > 0), key=lambda share: share.at_s)
    size = max(1, -(-len(ordered) // AGES))
    pools = (ordered[at : at + size] for at in range(0, len(ordered), size))
    merged: list[Share] = []
    for share in map(mean_of, pools):
        if merged and merged[-1].at_s >= share.at_s:
            merged[-1] = Share(merged[-1].at_s, merged[-1].weight + share.weight)
        else:
            merged.append(share)
    return merged


def mean_of(shares: Sequence[Share]) -> Share:
    """All their weight at their mean time."""
    weight = sum(share.weight for share in shares)
    return Share(sum(share.at_s * share.weight for share in shares) / weight, weight)


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
