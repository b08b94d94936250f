"""How long a kind of job takes, as a distribution that is cheap to ask where polls pay most.

For a job not ready at t, h(t) is the hazard rate and lambda the price of a poll, in seconds of
delay. The best poll density is sqrt(h(t) / (2 lambda)) polls per second; poll k belongs where its
integral reaches k. Here both are kept for lambda = 1 s: divide polls by sqrt(lambda) for others.

The density of durations is constant between the distribution's times; past the last of them is a
tail. With density f and survival S on an interval the hazard is f / S, and the integral of
sqrt(h / 2) is sqrt(2 / f) (sqrt S(start) - sqrt S(end)): exact, and exact to invert.
docs/pacing.md derives it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import neg
from typing import TYPE_CHECKING, Self

from reelgate.polling.estimator import Mixture, densities_of, edges_of, estimate, uniforms_between
from reelgate.polling.observations import Observation, Prior

if TYPE_CHECKING:
    from collections.abc import Sequence

OVERDUE_SHARE = 0.05
"""A tail's scale is at least this share of the time it starts at; if the tail holds more than that
share of the jobs, their share: of jobs that outlast all others, most may last as long again."""
LONGEST_EXPONENT = 500.0
"""Past this exponent a tail's time is beyond any deadline; it keeps `exp` from overflow."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The durations of one kind of job. Immutable; share one between all its waiting jobs.

    Times are seconds since the accepted submit, on a monotonic clock.

    Attributes:
        times_s: where the density changes, ascending from 0; the tail starts at the last.
        survival: the chance that a job is not ready at each of `times_s`.
        polls: the polls by each of `times_s`, at a price of 1 s.
        remaining_s: the integral of the survival from each of `times_s` on, in seconds.
        progress_at: the progress at each of `times_s`, 0 to 1, never falling.
        tail_scale_s: the scale of the tail, in seconds.
        expected_polls: the polls per job at a price of 1 s. At price p a job takes about
            `expected_polls` / sqrt(p) polls and is found `expected_polls` * sqrt(p) seconds late.
    """

    times_s: tuple[float, ...]
    survival: tuple[float, ...]
    polls: tuple[float, ...]
    remaining_s: tuple[float, ...]
    progress_at: tuple[float, ...]
    tail_scale_s: float
    expected_polls: float

    @classmethod
    def learn(cls, jobs: Sequence[float | Observation], prior: Prior) -> Self:
        """Estimate the distribution of a kind from its earlier jobs and what was published.

        Args:
            jobs: exact durations in seconds, or what polling the jobs showed; oldest first.
            prior: the published times; its weight is 1 / (1 + number of jobs).

        Raises:
            ValueError: a duration is negative or not a number.
        """
        observed = [j if isinstance(j, Observation) else Observation.exact(j) for j in jobs]
        return cls.of(estimate(observed, prior))

    @classmethod
    def of(cls, mixture: Mixture) -> Self:
        """The distribution with the density of a mixture."""
        edges = edges_of(mixture.uniforms)
        times = edges if edges[0] == 0.0 else [0.0, *edges]
        survival = survival_at(times, mixture)
        late = quantile_s(times, survival, 0.95) - quantile_s(times, survival, 0.5)
        tail = survival[-1]
        tail_scale = max(late, max(OVERDUE_SHARE, tail) * times[-1])
        polls = polls_at(times, survival)
        remaining = survival_from(times, survival, tail * tail_scale)
        tail_polls = tail * math.sqrt(tail_scale) * 2 / 3
        return cls(
            times_s=tuple(times),
            survival=tuple(survival),
            polls=tuple(polls),
            remaining_s=tuple(remaining),
            progress_at=tuple(progress_at(times, survival, remaining)),
            tail_scale_s=tail_scale,
            expected_polls=expected_polls(polls, survival) + tail_polls,
        )

    @property
    def mean_s(self) -> float:
        return self.remaining_s[0]

    @property
    def mean_poll_density(self) -> float:
        """`poll_density` of a job, averaged over its wait."""
        return self.expected_polls / self.mean_s

    def hazard(self, elapsed_s: float) -> float:
        """The rate, per second, at which a job not ready at `elapsed_s` becomes ready."""
        cell = self._cell(elapsed_s)
        if cell is None:
            return 2 * self.tail_scale_s / self._overdue(elapsed_s) ** 2
        density = self._density(cell)
        return density / self._survival(elapsed_s, cell, density)

    def poll_density(self, elapsed_s: float) -> float:
        """sqrt(hazard / 2): the polls per second at a price of 1 s."""
        return math.sqrt(self.hazard(elapsed_s) / 2)

    def polls_by(self, elapsed_s: float) -> float:
        """The integral of `poll_density` from 0: the polls until then at a price of 1 s."""
        cell = self._cell(elapsed_s)
        if cell is None:
            exponent = math.log(self._overdue(elapsed_s) / self.tail_scale_s)
            return self.polls[-1] + math.sqrt(self.tail_scale_s) * exponent
        density = self._density(cell)
        roots = math.sqrt(self.survival[cell]) + math.sqrt(self._survival(elapsed_s, cell, density))
        past = elapsed_s - self.times_s[cell]
        return self.polls[cell] + math.sqrt(2 * density) * past / roots

    def poll_time_s(self, polls: float) -> float:
        """The time at which `polls_by` reaches a value: its inverse."""
        if polls >= self.polls[-1]:
            exponent = (polls - self.polls[-1]) / math.sqrt(self.tail_scale_s)
            overdue = self.tail_scale_s * math.expm1(min(exponent, LONGEST_EXPONENT))
            return self.times_s[-1] + overdue
        cell = bisect_right(self.polls, polls) - 1
        density, start = self._density(cell), math.sqrt(self.survival[cell])
        more = polls - self.polls[cell]
        roots = 2 * start - more * math.sqrt(density / 2)
        return min(
            self.times_s[cell] + more * roots / math.sqrt(2 * density), self.times_s[cell + 1]
        )

    def lead_s(self, elapsed_s: float, share: float) -> float:
        """The time by which no more than a share of the jobs not ready at `elapsed_s` are ready."""
        cell = self._cell(elapsed_s)
        if cell is None:
            return elapsed_s
        survival = (1 - share) * self._survival(elapsed_s, cell, self._density(cell))
        if survival <= self.survival[-1]:
            return self.times_s[-1]
        cell = bisect_left(self.survival, -survival, key=neg) - 1
        return self.times_s[cell] + (self.survival[cell] - survival) / self._density(cell)

    def progress(self, elapsed_s: float) -> int:
        """How far a job still not ready is, 0 to 99; never falls as time goes on."""
        cell = self._cell(elapsed_s)
        if cell is None:
            return int(99 * self.progress_at[-1])
        start, end = self.times_s[cell], self.times_s[cell + 1]
        part = (elapsed_s - start) / (end - start)
        low, high = self.progress_at[cell], self.progress_at[cell + 1]
        return int(99 * (low + part * (high - low)))

    def eta_s(self, elapsed_s: float) -> float:
        """The mean time left, in seconds, for a job not ready at `elapsed_s`.

        In the tail: as long again as it is overdue.
        """
        cell = self._cell(elapsed_s)
        if cell is None:
            return self._overdue(elapsed_s)
        survival = self._survival(elapsed_s, cell, self._density(cell))
        here = (survival + self.survival[cell + 1]) / 2 * (self.times_s[cell + 1] - elapsed_s)
        return (here + self.remaining_s[cell + 1]) / survival

    def _cell(self, elapsed_s: float) -> int | None:
        """The interval a time lies in; None in the tail."""
        cell = bisect_right(self.times_s, elapsed_s) - 1
        return cell if cell < len(self.times_s) - 1 else None

    def _density(self, cell: int) -> float:
        fallen = self.survival[cell] - self.survival[cell + 1]
        return fallen / (self.times_s[cell + 1] - self.times_s[cell])

    def _survival(self, elapsed_s: float, cell: int, density: float) -> float:
        return self.survival[cell] - density * (elapsed_s - self.times_s[cell])

    def _overdue(self, elapsed_s: float) -> float:
        return elapsed_s - self.times_s[-1] + self.tail_scale_s


def survival_at(times: Sequence[float], mixture: Mixture) -> list[float]:
    """The chance to be not ready at each time. Summed from the far end, where it is small."""
    densities = densities_of(mixture.uniforms, times)
    masses = [uniform.weight for uniform in uniforms_between(densities, times)]
    later = list(accumulate(reversed(masses), initial=mixture.tail))[::-1]
    # Beside a very narrow kernel, as high as it is narrow, the others are rounded.
    return [chance / later[0] for chance in later]


def polls_at(times: Sequence[float], survival: Sequence[float]) -> list[float]:
    """The integral of sqrt(hazard / 2) up to each time."""
    parts = [
        math.sqrt(2 * (end - start) * (high - low)) / (math.sqrt(high) + math.sqrt(low))
        for (start, end), (high, low) in zip(pairwise(times), pairwise(survival), strict=True)
    ]
    return list(accumulate(parts, initial=0.0))


def expected_polls(polls: Sequence[float], survival: Sequence[float]) -> float:
    """The integral of sqrt(hazard / 2), each part weighted by the chance that it is reached."""
    return sum(
        (end - start) * (high + math.sqrt(high * low) + low) / 3
        for (start, end), (high, low) in zip(pairwise(polls), pairwise(survival), strict=True)
    )


def survival_from(times: Sequence[float], survival: Sequence[float], tail_s: float) -> list[float]:
    """The integral of the survival from each time on, in seconds."""
    parts = [
        (end - start) * (high + low) / 2
        for (start, end), (high, low) in zip(pairwise(times), pairwise(survival), strict=True)
    ]
    return list(accumulate(reversed(parts), initial=tail_s))[::-1]


def progress_at(
    times: Sequence[float], survival: Sequence[float], remaining: Sequence[float]
) -> list[float]:
    """The share of a job's expected duration that is behind it, kept from falling."""
    shares = [
        t / (t + rest / chance) for t, chance, rest in zip(times, survival, remaining, strict=True)
    ]
    return list(accumulate(shares, max))


def quantile_s(times: Sequence[float], survival: Sequence[float], share: float) -> float:
    """The time by which a share of jobs is ready; the last time if that lies in the tail."""
    for (start, end), (high, low) in zip(pairwise(times), pairwise(survival), strict=True):
        if low <= 1 - share < high:
            return start + (end - start) * (high - 1 + share) / (high - low)
    return times[-1]
