"""One job's progress and time left, sampled from a distribution and stored with the job.

Every process that reads the job then shows the same progress, also after a restart, and it cannot
fall while the distribution is learned anew.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Self

from reelgate.polling.distribution import Distribution

POINTS = 16


@dataclass(frozen=True, slots=True)
class Forecast:
    """Progress (0-99) and time left (seconds) at ascending times (seconds since the submit)."""

    times_s: tuple[float, ...]
    progress_at: tuple[int, ...]
    left_s: tuple[float, ...]

    @classmethod
    def of(cls, distribution: Distribution) -> Self:
        """Sample a distribution at evenly spaced times, up to the start of its tail."""
        step_s = distribution.times_s[-1] / (POINTS - 1)
        times = [round(step_s * point, 2) for point in range(POINTS)]
        return cls(
            times_s=tuple(times),
            progress_at=tuple(distribution.progress(time_s) for time_s in times),
            left_s=tuple(round(distribution.eta_s(time_s), 2) for time_s in times),
        )

    def progress(self, elapsed_s: float) -> int:
        """How far a job not ready at `elapsed_s` is, 0 to 99; never falls as time goes on."""
        return int(interpolate(self.times_s, self.progress_at, elapsed_s))

    def eta_s(self, elapsed_s: float) -> float:
        """The mean time left of a job not ready at `elapsed_s`, in seconds."""
        return interpolate(self.times_s, self.left_s, elapsed_s)


def interpolate(xs: tuple[float, ...], ys: tuple[float, ...] | tuple[int, ...], x: float) -> float:
    """The value at x on straight lines between the points; level outside them."""
    right = bisect_right(xs, x)
    if right == 0:
        return ys[0]
    if right == len(xs):
        return ys[-1]
    left = right - 1
    part = (x - xs[left]) / (xs[right] - xs[left])
    return ys[left] + part * (ys[right] - ys[left])
