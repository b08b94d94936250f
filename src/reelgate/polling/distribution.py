"""How long a kind of job takes, as a law of chance that is cheap to ask.

The density is constant between the law's times and, past the last of them, a tail. With density f
and survival S on a stretch, the hazard is h = f / S, and the integral of sqrt(h / 2) is
sqrt(2 / f) (sqrt S(start) - sqrt S(end)): exact, and exact to invert. docs/pacing.md derives it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import neg
from typing import TYPE_CHECKING, Self

from reelgate.polling.estimator import Density, edges_of, heights_of, pieces, smooth
from reelgate.polling.observations import Prior, Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

OVERDUE_SHARE = 0.05
"""A tail is measured by at least this share of the time it starts at; if it holds more than that
share of the jobs, by theirs: of jobs that outlast all others, most may last as long again."""
LONGEST_STRETCH = 500.0
"""Past this exponent a tail's time is out of any deadline's reach; it keeps `exp` from overflow."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The durations of one kind of job. Immutable; share one between all its waiting jobs.

    Times are seconds since the accepted submit, on a monotonic clock.

    Attributes:
        times_s: where the density changes, ascending from 0; the tail starts at the last.
        alive: the chance that a job is not ready at each of `times_s`.
        attended: the integral of sqrt(hazard / 2) up to each of `times_s`.
        left_s: the integral of the survival from each of `times_s` on, in seconds.
        done: the progress at each of `times_s`, 0 to 1, never falling.
        overdue_s: the length by which the tail is measured, in seconds.
        spread: M; at price p a job waits about M sqrt(p) too long, for about M / sqrt(p) looks.
    """

    times_s: tuple[float, ...]
    alive: tuple[float, ...]
    attended: tuple[float, ...]
    left_s: tuple[float, ...]
    done: tuple[float, ...]
    overdue_s: float
    spread: float

    @classmethod
    def learn(cls, jobs: Sequence[float | Seen], prior: Prior) -> Self:
        """Build the law of a kind from its earlier jobs, oldest first, and what was published.

        Args:
            jobs: exact durations in seconds, or what looking at the jobs showed.
            prior: the published times; its weight is 1 / (1 + number of jobs).

        Raises:
            ValueError: a duration is negative or not a number.
        """
        seen = [job if isinstance(job, Seen) else Seen.exactly(job) for job in jobs]
        return cls.of(smooth(seen, prior))

    @classmethod
    def of(cls, density: Density) -> Self:
        """Build the law of a density."""
        edges = edges_of(density.boxes)
        times = edges if edges[0] == 0.0 else [0.0, *edges]
        alive = survival(times, density)
        late = quantile_s(times, alive, 0.95) - quantile_s(times, alive, 0.5)
        overdue = max(late, max(OVERDUE_SHARE, density.beyond) * times[-1])
        attended = attention_by(times, alive)
        left = survival_left_s(times, alive, density.beyond * overdue)
        return cls(
            times_s=tuple(times),
            alive=tuple(alive),
            attended=tuple(attended),
            left_s=tuple(left),
            done=tuple(done_by(times, alive, left)),
            overdue_s=overdue,
            spread=spread_of(attended, alive) + density.beyond * math.sqrt(overdue) * 2 / 3,
        )

    @property
    def mean_s(self) -> float:
        """The mean duration, in seconds."""
        return self.left_s[0]

    @property
    def mean_attention(self) -> float:
        """`attention` of a job met at a random moment of its wait."""
        return self.spread / self.mean_s

    def hazard(self, elapsed_s: float) -> float:
        """The rate, per second, at which a job not ready at `elapsed_s` becomes ready."""
        cell = self._cell(elapsed_s)
        if cell is None:
            return 2 * self.overdue_s / self._overdue(elapsed_s) ** 2
        density = self._density(cell)
        return density / self._alive(elapsed_s, cell, density)

    def attention(self, elapsed_s: float) -> float:
        """sqrt(hazard / 2): divided by sqrt(price), the looks per second that are worth making."""
        return math.sqrt(self.hazard(elapsed_s) / 2)

    def attention_by(self, elapsed_s: float) -> float:
        """The integral of sqrt(hazard / 2) from 0: divided by sqrt(price), the looks until then."""
        cell = self._cell(elapsed_s)
        if cell is None:
            stretch = math.log(self._overdue(elapsed_s) / self.overdue_s)
            return self.attended[-1] + math.sqrt(self.overdue_s) * stretch
        density = self._density(cell)
        roots = math.sqrt(self.alive[cell]) + math.sqrt(self._alive(elapsed_s, cell, density))
        past = elapsed_s - self.times_s[cell]
        return self.attended[cell] + math.sqrt(2 * density) * past / roots

    def when_s(self, attention: float) -> float:
        """The time at which `attention_by` reaches a value: its inverse."""
        if attention >= self.attended[-1]:
            stretch = (attention - self.attended[-1]) / math.sqrt(self.overdue_s)
            return self.times_s[-1] + self.overdue_s * math.expm1(min(stretch, LONGEST_STRETCH))
        cell = bisect_right(self.attended, attention) - 1
        density, start = self._density(cell), math.sqrt(self.alive[cell])
        more = attention - self.attended[cell]
        roots = 2 * start - more * math.sqrt(density / 2)
        return min(
            self.times_s[cell] + more * roots / math.sqrt(2 * density), self.times_s[cell + 1]
        )

    def lead_s(self, elapsed_s: float, share: float) -> float:
        """The time by which no more than a share of the jobs not ready at `elapsed_s` are ready."""
        cell = self._cell(elapsed_s)
        if cell is None:
            return elapsed_s
        left = (1 - share) * self._alive(elapsed_s, cell, self._density(cell))
        if left <= self.alive[-1]:
            return self.times_s[-1]
        cell = bisect_left(self.alive, -left, key=neg) - 1
        return self.times_s[cell] + (self.alive[cell] - left) / self._density(cell)

    def progress(self, elapsed_s: float) -> int:
        """How far a job still not ready is, 0 to 99; never falls as time goes on."""
        cell = self._cell(elapsed_s)
        if cell is None:
            return int(99 * self.done[-1])
        start, end = self.times_s[cell], self.times_s[cell + 1]
        part = (elapsed_s - start) / (end - start)
        return int(99 * (self.done[cell] + part * (self.done[cell + 1] - self.done[cell])))

    def eta_s(self, elapsed_s: float) -> float:
        """The mean time left, in seconds, for a job not ready at `elapsed_s`.

        Past everything seen: as long again as it is overdue.
        """
        cell = self._cell(elapsed_s)
        if cell is None:
            return self._overdue(elapsed_s)
        alive = self._alive(elapsed_s, cell, self._density(cell))
        rest = (alive + self.alive[cell + 1]) / 2 * (self.times_s[cell + 1] - elapsed_s)
        return (rest + self.left_s[cell + 1]) / alive

    def _cell(self, elapsed_s: float) -> int | None:
        """The stretch a time lies in; None in the tail."""
        cell = bisect_right(self.times_s, elapsed_s) - 1
        return cell if cell < len(self.times_s) - 1 else None

    def _density(self, cell: int) -> float:
        fallen = self.alive[cell] - self.alive[cell + 1]
        return fallen / (self.times_s[cell + 1] - self.times_s[cell])

    def _alive(self, elapsed_s: float, cell: int, density: float) -> float:
        return self.alive[cell] - density * (elapsed_s - self.times_s[cell])

    def _overdue(self, elapsed_s: float) -> float:
        return elapsed_s - self.times_s[-1] + self.overdue_s


def survival(times: Sequence[float], density: Density) -> list[float]:
    """The chance to be not ready at each time. Summed from the far end, where it is small."""
    masses = [box.weight for box in pieces(heights_of(density.boxes, times), times)]
    return list(accumulate(reversed(masses), initial=density.beyond))[::-1]


def attention_by(times: Sequence[float], alive: Sequence[float]) -> list[float]:
    """The integral of sqrt(hazard / 2) up to each time."""
    parts = [
        math.sqrt(2 * (end - start) * (high - low)) / (math.sqrt(high) + math.sqrt(low))
        for (start, end), (high, low) in zip(pairwise(times), pairwise(alive), strict=True)
    ]
    return list(accumulate(parts, initial=0.0))


def spread_of(attended: Sequence[float], alive: Sequence[float]) -> float:
    """The integral of sqrt(density * survival / 2): attention, weighed by the chance to pay it."""
    return sum(
        (end - start) * (high + math.sqrt(high * low) + low) / 3
        for (start, end), (high, low) in zip(pairwise(attended), pairwise(alive), strict=True)
    )


def survival_left_s(times: Sequence[float], alive: Sequence[float], tail_s: float) -> list[float]:
    """The integral of the survival from each time on, in seconds."""
    parts = [
        (end - start) * (high + low) / 2
        for (start, end), (high, low) in zip(pairwise(times), pairwise(alive), strict=True)
    ]
    return list(accumulate(reversed(parts), initial=tail_s))[::-1]


def done_by(times: Sequence[float], alive: Sequence[float], left: Sequence[float]) -> list[float]:
    """The share of a job's expected duration that is behind it, kept from falling."""
    shares = [t / (t + rest / chance) for t, chance, rest in zip(times, alive, left, strict=True)]
    return list(accumulate(shares, max))


def quantile_s(times: Sequence[float], alive: Sequence[float], share: float) -> float:
    """The time by which a share of jobs is ready; the last time if that lies in the tail."""
    for (start, end), (high, low) in zip(pairwise(times), pairwise(alive), strict=True):
        if low <= 1 - share < high:
            return start + (end - start) * (high - 1 + share) / (high - low)
    return times[-1]
