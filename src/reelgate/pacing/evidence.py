"""What is known about how long a kind of job takes: what was published, and what was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prior:
    """What the provider says a job of this kind takes, before we have seen one.

    Args:
        low_s: shortest published time, in seconds from the accepted submit.
        high_s: longest published time, in seconds.
        outside: the share of jobs believed to break the published range, half of it on each side.

    Raises:
        ValueError: the range is empty, negative or not finite, or `outside` is not inside (0, 1).
    """

    low_s: float
    high_s: float
    outside: float = 0.02

    def __post_init__(self) -> None:
        if not (0 <= self.low_s < self.high_s < math.inf):
            raise ValueError("a prior needs 0 <= low_s < high_s, both finite")
        if not (0 < self.outside < 1):
            raise ValueError("a prior's outside share lies between 0 and 1")

    @property
    def width_s(self) -> float:
        """How far apart the published ends are, in seconds."""
        return self.high_s - self.low_s

    def scaled(self, unit_s: float) -> Prior:
        """The same where `unit_s` counts as a second."""
        return Prior(self.low_s * unit_s, self.high_s * unit_s, self.outside)


UNPUBLISHED = Prior(30.0, 240.0, outside=0.1)
"""Used where a provider says nothing: nobody vouches for it, so it is easier to surprise."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One job: not ready at `after_s`, ready at `by_s`.

    We only learn that a job is ready by looking, so its duration is known to lie between two looks.
    Recording the second alone would teach the law its own looks: a kind that became faster than
    the first look would never be found out.

    Args:
        after_s: the last look that found it not ready (0 if there was none), seconds since submit.
        by_s: the look that found it ready; infinite if none has yet.
        alike: how many jobs it stands for, above 0.

    Raises:
        ValueError: the two are negative, reversed or not numbers.
    """

    after_s: float
    by_s: float
    alike: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.after_s <= self.by_s and math.isfinite(self.after_s)):
            raise ValueError("a job was seen with 0 <= after_s <= by_s, after_s finite")
        if not (0 < self.alike < math.inf):
            raise ValueError("a job stands for a number of jobs above 0")

    @classmethod
    def exactly(cls, duration_s: float) -> Seen:
        """A job whose duration is known, because the provider told it."""
        return cls(duration_s, duration_s)

    @property
    def finished(self) -> bool:
        """Whether it was ever seen ready."""
        return math.isfinite(self.by_s)

    @property
    def middle_s(self) -> float:
        """The middle of what is known, in seconds; only for a finished job."""
        return (self.after_s + self.by_s) / 2
