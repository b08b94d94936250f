"""What is known about how long a kind of job takes: what was published, and what was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BROAD_SHARE = 0.3
"""The share of a prior that holds whatever was published: published times are a hint."""
BROAD_FROM_S = 1.0
"""Nothing is believed to take less than this."""
BROAD_UP_TO = 4.0
"""The broad part ends at so many times the longest published time."""
OTHERS = 20
"""Jobs of a provider, the youngest, that tell how its published times compare with the truth."""
OTHERS_TRUSTED = 2.0
"""With so many of them half of the published range's share goes to where they say it lies."""
OTHERS_SPREAD = 0.25
"""The spread of their logarithms that is assumed before they show their own."""
OTHERS_WIDTH = 1.5
"""How many of their spreads to each side the moved range reaches."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a provider's other kinds say that the published range really lies.

    Args:
        low: its shortest time, as a multiple of the middle of the published range; above 0.
        high: its longest, likewise.
        share: the part of the published range's share that is moved there, in (0, 1).
    """

    low: float
    high: float
    share: float


def moved_by(multiples: Sequence[float]) -> Moved | None:
    """What jobs of a provider's other kinds tell.

    Args:
        multiples: how long they took, in units of the middle of what is published for their kind,
            each above 0.
    """
    if not multiples:
        return None
    count = len(multiples)
    logs = [math.log(multiple) for multiple in multiples]
    mean = fmean(logs)
    squares = OTHERS_TRUSTED * OTHERS_SPREAD**2 + sum((each - mean) ** 2 for each in logs)
    reach = OTHERS_WIDTH * math.sqrt(squares / (OTHERS_TRUSTED + count))
    share = count / (count + OTHERS_TRUSTED)
    return Moved(math.exp(mean - reach), math.exp(mean + reach), share)


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of a kind before a job of it was seen: a mixture.

    Most of it is uniform on the published range, or on where the provider's other kinds say that
    this really lies; the rest is log-uniform from a second to several times the range.

    Args:
        low_s: shortest published time, in seconds from the accepted submit.
        high_s: longest published time, in seconds.
        outside: twice the share of jobs believed to outlast all of this.
        broad: the share that is log-uniform.
        unit_s: what counts as a second upstream.
        moved: what the provider's other kinds tell, None if there are none.

    Raises:
        ValueError: the range is empty, negative or not finite, or a share is out of range.
    """

    low_s: float
    high_s: float
    outside: float = 0.02
    broad: float = BROAD_SHARE
    unit_s: float = 1.0
    moved: Moved | None = None

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
"""Used where a provider says nothing: nobody vouches for the range, so it holds for fewer jobs."""


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

    def scaled(self, by: float) -> Seen:
        """The same in another unit of time."""
        return Seen(self.after_s * by, self.by_s * by, self.alike)

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
