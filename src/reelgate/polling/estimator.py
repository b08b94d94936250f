"""From observations to a density: the prior and every job become a mixture of uniforms.

A finished job is interval-censored (ready between two polls), a running one right-censored (not
ready at its last poll). Right-censored weight is redistributed to later times (Efron, 1967);
intervals wider than the kernel are placed by self-consistency (Turnbull, 1976).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from reelgate.polling.observations import BROAD_FROM_S, BROAD_UP_TO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reelgate.polling.observations import Observation, Prior

HISTORY = 200
"""Finished jobs that are learned from; older ones are left out."""
HALF_LIFE = 50
"""A job counts half as much as the one this many jobs later: providers drift."""
NEIGHBOURS = 0.7
"""How many neighbours a kernel reaches, in units of the square root of the number of jobs."""
RELATIVE_WIDTH = 0.005
"""Smallest half-width of a kernel as a share of its duration: identical durations are no spike."""
SHORTEST = 0.001
"""A job shorter than this share of the prior's middle has a kernel as wide as one of it."""
WIDE_INTERVAL = 1.4
"""An interval wider than this many half-widths of its kernel is placed by self-consistency."""
BROAD_STEP = 1.5
"""The log-uniform part of a prior is drawn in steps that end at this many times their start."""
ITERATIONS = 8
"""The first few do nearly all; twenty gained 2 % more when this was chosen."""
MAX_AGES = 48
"""Right-censored jobs are pooled to this many ages, however many they are."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """Probability `weight`, spread evenly over `left_s` to `right_s`."""

    left_s: float
    right_s: float
    weight: float

    @property
    def density(self) -> float:
        return self.weight / (self.right_s - self.left_s)

    def after(self, time_s: float) -> float:
        """The part of its weight that lies after a time."""
        return self.density * max(0.0, self.right_s - max(self.left_s, time_s))


@dataclass(frozen=True, slots=True)
class Mixture:
    """Uniforms, and the probability past them all: weights and `tail` add up to 1."""

    uniforms: tuple[Uniform, ...]
    tail: float


@dataclass(frozen=True, slots=True)
class WeightedTime:
    """A weight at a time: a job that ended there, or one not ready there."""

    at_s: float
    weight: float


def estimate(jobs: Sequence[Observation], prior: Prior) -> Mixture:
    """Turn jobs, oldest first, and a prior that counts as one of them into a density."""
    weighted = list(weights(jobs))
    ended = [(job, weight) for job, weight in weighted if job.finished]
    broad, ranges, tail = broad_uniforms(prior), range_uniforms(prior), prior.outside / 2
    redistribution = redistribute(
        (WeightedTime(job.after_s, weight) for job, weight in weighted if not job.finished),
        (WeightedTime(job.middle_s, weight) for job, weight in ended),
        [*broad, *ranges],
        tail,
    )
    narrow, wide = kernels(
        [(job, weight * redistribution.at(job.middle_s)) for job, weight in ended], prior
    )
    known = [part for uniform in ranges for part in redistribution.of(uniform)] + narrow
    # The broad part is dense at short times, and would draw the wide intervals there.
    uniforms = [part for uniform in broad for part in redistribution.of(uniform)]
    uniforms += known + self_consistent(wide, known)
    tail *= redistribution.last
    total = tail + sum(uniform.weight for uniform in uniforms)
    return Mixture(
        tuple(Uniform(u.left_s, u.right_s, u.weight / total) for u in uniforms), tail / total
    )


def weights(jobs: Sequence[Observation]) -> Iterator[tuple[Observation, float]]:
    """What each job counts; of those that ended, 1 on average and the youngest most.

    A job's weight depends only on when it was submitted, so that jobs submitted together are
    weighted alike whether they ended or still run.
    """
    later, recent = 0, []
    for job in reversed(jobs):
        if later == HISTORY:
            break
        recent.append((job, 2 ** (-later / HALF_LIFE)))
        later += job.finished
    total = sum(weight for job, weight in recent if job.finished)
    unit = later / total if later else 1.0
    return ((job, weight * unit * job.count) for job, weight in recent)


def range_uniforms(prior: Prior) -> list[Uniform]:
    """The published range, and where the provider's other kinds say that it lies.

    With the broad part and the tail their weights make 1.
    """
    inside = 1 - prior.outside / 2 - prior.broad
    if (shifted := prior.shifted) is None:
        return [Uniform(prior.low_s, prior.high_s, inside)]
    low_s, high_s = shifted.low * prior.middle_s, shifted.high * prior.middle_s
    return [
        Uniform(prior.low_s, prior.high_s, inside * (1 - shifted.share)),
        Uniform(low_s, high_s, inside * shifted.share),
    ]


def broad_uniforms(prior: Prior) -> list[Uniform]:
    """Log-uniform: the same weight on each of the steps, whose ends grow by one factor."""
    last_s = BROAD_UP_TO * prior.high_s
    first_s = min(BROAD_FROM_S * prior.unit_s, last_s / BROAD_STEP)
    count = math.ceil(math.log(last_s / first_s, BROAD_STEP))
    step = (last_s / first_s) ** (1 / count)
    ends_s = [*(first_s * step**nth for nth in range(count)), last_s]
    return [Uniform(left, right, prior.broad / count) for left, right in pairwise(ends_s)]


def kernels(
    ended: Sequence[tuple[Observation, float]], prior: Prior
) -> tuple[list[Uniform], list[Uniform]]:
    """A kernel for each job and its weight: narrow ones, and wide intervals between two polls."""
    ordered = sorted(ended, key=lambda pair: pair[0].middle_s)
    half_widths = half_widths_s([job.middle_s for job, _ in ordered], prior)
    narrow: list[Uniform] = []
    wide: list[Uniform] = []
    for (job, weight), half_s in zip(ordered, half_widths, strict=True):
        left = max(0.0, min(job.after_s, job.middle_s - half_s))
        kernel = Uniform(left, max(job.by_s, job.middle_s + half_s), weight)
        (wide if job.by_s - job.after_s > WIDE_INTERVAL * half_s else narrow).append(kernel)
    return narrow, wide


def half_widths_s(middles: Sequence[float], prior: Prior) -> list[float]:
    """Half-widths in seconds: the distance to the k-th neighbours, k growing with the root of n.

    A width taken from the neighbours is narrow where durations are dense and wide where they are
    rare, so two modes stay two and a heavy tail stays smooth (Loftsgaarden and Quesenberry, 1965).
    The first few jobs say little about the variance and borrow it from the prior.
    """
    count = len(middles)
    k = min(max(1, round(NEIGHBOURS * math.sqrt(count))), count - 1)
    borrowed = max(prior.relative_width / (4 * max(count, 1)), RELATIVE_WIDTH)
    least_s = SHORTEST * prior.middle_s
    return [
        max(neighbour_distance_s(middles, at, k), borrowed * max(middle, least_s))
        for at, middle in enumerate(middles)
    ]


def neighbour_distance_s(middles: Sequence[float], at: int, k: int) -> float:
    """The distance to the k-th neighbour, on the nearer side that has one."""
    left = middles[at] - middles[at - k] if at >= k else math.inf
    right = middles[at + k] - middles[at] if at + k < len(middles) else math.inf
    nearer = min(left, right)
    return nearer if math.isfinite(nearer) else (middles[-1] - middles[0]) / 2


@dataclass(frozen=True, slots=True)
class Redistribution:
    """The factor by which weight at a time grows: steps up at each censored age, from 1."""

    ages_s: tuple[float, ...]
    factors: tuple[float, ...]

    def at(self, time_s: float) -> float:
        """The factor at a time; at an age itself the one before the step."""
        return self.factors[bisect_left(self.ages_s, time_s)]

    @property
    def last(self) -> float:
        """The factor past every age."""
        return self.factors[-1]

    def of(self, uniform: Uniform) -> Iterator[Uniform]:
        """A uniform, split at the ages inside it, each part grown by its factor."""
        inside = [age for age in self.ages_s if uniform.left_s < age < uniform.right_s]
        for left_s, right_s in pairwise([uniform.left_s, *inside, uniform.right_s]):
            yield Uniform(left_s, right_s, uniform.density * (right_s - left_s) * self.at(right_s))


def redistribute(
    running: Iterable[WeightedTime],
    ended: Iterable[WeightedTime],
    prior: Sequence[Uniform],
    tail: float,
) -> Redistribution:
    """Share out the weight of each right-censored job among all that lies later than its age.

    Args:
        running: jobs not ready at a time.
        ended: jobs that ended at a time.
        prior: the prior's uniforms.
        tail: the weight past all of these, above 0, so that there is always something later.
    """
    pooled, endings = pool(running), sorted(ended, key=lambda each: each.at_s)
    times = [each.at_s for each in endings]
    ended_from, running_from = sums_from(endings), sums_from(pooled)
    factors = [1.0]
    for at, age in enumerate(pooled):
        later = tail + sum(uniform.after(age.at_s) for uniform in prior)
        later += ended_from[bisect_right(times, age.at_s)] + running_from[at + 1]
        factors.append(factors[-1] * (1 + age.weight / later))
    return Redistribution(tuple(age.at_s for age in pooled), tuple(factors))


def sums_from(times: Sequence[WeightedTime]) -> list[float]:
    """The weight from each on, and 0 past the last."""
    return list(accumulate((each.weight for each in reversed(times)), initial=0.0))[::-1]


def pool(running: Iterable[WeightedTime]) -> list[WeightedTime]:
    """At most `MAX_AGES` ages, ascending; a job that was not polled yet tells nothing."""
    ordered = sorted((age for age in running if age.at_s > 0), key=lambda age: age.at_s)
    size = max(1, -(-len(ordered) // MAX_AGES))
    pools = (ordered[at : at + size] for at in range(0, len(ordered), size))
    merged: list[WeightedTime] = []
    for age in map(mean_of, pools):
        if merged and merged[-1].at_s >= age.at_s:
            merged[-1] = WeightedTime(merged[-1].at_s, merged[-1].weight + age.weight)
        else:
            merged.append(age)
    return merged


def mean_of(times: Sequence[WeightedTime]) -> WeightedTime:
    """All their weight at their mean time."""
    weight = sum(each.weight for each in times)
    return WeightedTime(sum(each.at_s * each.weight for each in times) / weight, weight)


def self_consistent(intervals: Sequence[Uniform], others: Sequence[Uniform]) -> list[Uniform]:
    """Place the weight of each interval where, within it, the whole mixture is dense."""
    if not intervals:
        return []
    edges = edges_of([*intervals, *others])
    fixed, placed = densities_of(others, edges), densities_of(intervals, edges)
    for _ in range(ITERATIONS):
        mixed = [a + b for a, b in zip(fixed, placed, strict=True)]
        factors = factors_of(intervals, mixed, edges)
        placed = [density * factor for density, factor in zip(mixed, factors, strict=True)]
    return [uniform for uniform in uniforms_between(placed, edges) if uniform.weight > 0]


def factors_of(
    intervals: Sequence[Uniform], densities: Sequence[float], edges: Sequence[float]
) -> list[float]:
    """Between edges, the weight the intervals there have for each unit of the mixture."""
    cells = zip(densities, pairwise(edges), strict=True)
    masses = accumulate((density * (right - left) for density, (left, right) in cells), initial=0)
    mass_by = dict(zip(edges, masses, strict=True))
    steps = dict.fromkeys(edges, 0.0)
    for interval in intervals:
        factor = interval.weight / (mass_by[interval.right_s] - mass_by[interval.left_s])
        steps[interval.left_s] += factor
        steps[interval.right_s] -= factor
    return sums_between(steps, edges)


def edges_of(uniforms: Iterable[Uniform]) -> list[float]:
    """Where their sum may change, ascending."""
    return sorted({edge for uniform in uniforms for edge in (uniform.left_s, uniform.right_s)})


def densities_of(uniforms: Iterable[Uniform], edges: Sequence[float]) -> list[float]:
    """The sum of their densities between edges that hold all of theirs."""
    steps = dict.fromkeys(edges, 0.0)
    for uniform in uniforms:
        density = uniform.density
        steps[uniform.left_s] += density
        steps[uniform.right_s] -= density
    return sums_between(steps, edges)


def sums_between(steps: Mapping[float, float], edges: Sequence[float]) -> list[float]:
    """The sum of the steps up and down so far, between edges."""
    sums = accumulate(steps[edge] for edge in edges[:-1])
    return [max(0.0, each) for each in sums]  # rounding errors may leave it just below zero


def uniforms_between(densities: Iterable[float], edges: Sequence[float]) -> list[Uniform]:
    """The same density as uniforms that follow each other."""
    cells = zip(densities, pairwise(edges), strict=True)
    return [Uniform(left, right, density * (right - left)) for density, (left, right) in cells]
