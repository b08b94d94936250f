"""What is known about how long a kind of job takes: published times, and observed jobs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BROAD_SHARE = 0.3
"""The share of a prior that holds whatever was published: published times are a hint."""
BROAD_FROM_S = 1.0
"""Nothing is believed to take less than this."""
BROAD_UP_TO = 4.0
"""The broad part ends at so many times the longest published time."""
OTHER_KINDS_JOBS = 20
"""The youngest jobs of a provider whose durations are compared with its published times."""
OTHER_KINDS_TRUST = 2.0
"""With this many of them, half of the published range's weight moves to where they lie."""
OTHER_KINDS_STDDEV = 0.25
"""The standard deviation of their logarithms that is assumed before they show their own."""
OTHER_KINDS_REACH = 1.5
"""How many standard deviations the shifted range reaches to each side."""


@dataclass(frozen=True, slots=True)
class ShiftedRange:
    """The published range as a provider's other kinds correct it.

    Args:
        low: its shortest time, as a multiple of the middle of the published range; above 0.
        high: its longest, likewise.
        share: the part of the published range's share that goes there, in (0, 1).
    """

    low: float
    high: float
    share: float


def shifted_range(multiples: Sequence[float]) -> ShiftedRange | None:
    """Correct a published range by jobs of the provider's other kinds; None without any.

    Args:
        multiples: how long they took, in units of the middle of what is published for their kind,
            each above 0.
    """
    if not multiples:
        return None
    count = len(multiples)
    logs = [math.log(multiple) for multiple in multiples]
    mean = math.fsum(logs) / count
    squares = sum((each - mean) ** 2 for each in logs)
    squares += OTHER_KINDS_TRUST * OTHER_KINDS_STDDEV**2
    reach = OTHER_KINDS_REACH * math.sqrt(squares / (OTHER_KINDS_TRUST + count))
    share = count / (count + OTHER_KINDS_TRUST)
    return ShiftedRange(math.exp(mean - reach), math.exp(mean + reach), share)


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of a kind before any job of it: a mixture.

    Most of it is uniform on the published range, or on this as the provider's other kinds correct
    it; the rest is log-uniform from a second to several times the range.

    Args:
        low_s: shortest published time, in seconds from the accepted submit.
        high_s: longest published time, in seconds.
        outside: twice the share of jobs believed to outlast all of this.
        broad: the share that is log-uniform.
        unit_s: what counts as a second upstream.
        shifted: the range corrected by the provider's other kinds, None if there are none.

    Raises:
        ValueError: the range is empty, negative or not finite, or a share is out of range.
    """

    low_s: float
    high_s: float
    outside: float = 0.02
    broad: float = BROAD_SHARE
    unit_s: float = 1.0
    shifted: ShiftedRange | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.low_s < self.high_s < math.inf):
            raise ValueError("a prior needs 0 <= low_s < high_s, both finite")
        if not (0 < self.outside < 1):
            raise ValueError("a prior's outside share lies between 0 and 1")
        if not (0 < self.broad < 1 - self.outside / 2):
            raise ValueError("a prior's broad share leaves room for its range")

    @property
    def middle_s(self) -> float:
        """The middle of the published range, in seconds."""
        return (self.low_s + self.high_s) / 2

    @property
    def relative_width(self) -> float:
        """How far apart the published ends are, as a share of their middle."""
        return (self.high_s - self.low_s) / self.middle_s

    def scaled(self, unit_s: float) -> Prior:
        """The same where `unit_s` counts as a second."""
        return replace(self, low_s=self.low_s * unit_s, high_s=self.high_s * unit_s, unit_s=unit_s)


UNPUBLISHED = Prior(30.0, 240.0, outside=0.1, broad=0.5)
"""Used where a provider publishes nothing: a guess, so it holds for fewer jobs."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One job: not ready at `after_s`, ready at `by_s`.

    Its duration is only known to lie between two polls. Recording the second alone would bias the
    distribution towards its own polls: a kind that became faster than the first poll would never
    be found out.

    Args:
        after_s: the last poll that found it not ready (0 if there was none), seconds since submit.
        by_s: the poll that found it ready; infinite if none has yet.
        count: how many jobs it stands for, above 0.

    Raises:
        ValueError: the two are negative, reversed or not numbers.
    """

    after_s: float
    by_s: float
    count: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.after_s <= self.by_s and math.isfinite(self.after_s)):
            raise ValueError("an observation needs 0 <= after_s <= by_s, after_s finite")
        if not (0 < self.count < math.inf):
            raise ValueError("a job stands for a number of jobs above 0")

    def scaled(self, by: float) -> Observation:
        """The same in another unit of time."""
        return Observation(self.after_s * by, self.by_s * by, self.count)

    @classmethod
    def exact(cls, duration_s: float) -> Observation:
        """A job whose duration is known."""
        return cls(duration_s, duration_s)

    @property
    def finished(self) -> bool:
        """Whether it was found ready."""
        return math.isfinite(self.by_s)

    @property
    def middle_s(self) -> float:
        """The middle of its interval, in seconds; only for a finished job."""
        return (self.after_s + self.by_s) / 2
