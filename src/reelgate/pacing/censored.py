"""What jobs that are not ready yet teach: their share goes to what lies to the right of them.

A job known only to outlast some age is shared out among everything that may end later, each part by
its weight: Efron's redistribution to the right (1967), which gives the estimator of Kaplan and
Meier. With a prior among the parts it is that of Susarla and Van Ryzin (1976).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from reelgate.pacing.boxes import Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
