"""What was asked for and what it has cost, by day, key, model and provider."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from reelgate.domain.price import Money, Unit, in_usd

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Usage:
    """The videos of one owner, model and provider that were asked for on one day (UTC).

    Attributes:
        day: days since 1 January 1970.
        owner: the API key's id; empty for videos made without one.
        cost: what they have cost, as it was told, or else expected.
        unpriced: how many beside may have cost something, and nobody knows what.
    """

    day: int
    owner: str
    model: str
    provider: str
    cost: Money
    jobs: int
    completed: int
    failed: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class Span:
    """Days, both included, since 1 January 1970; of one owner, or of all."""

    first: int
    last: int
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Some of it together.

    Attributes:
        credits: in the providers' credits.
        usd: in millionths of a dollar; with the credits whose price is known.
    """

    jobs: int = 0
    completed: int = 0
    failed: int = 0
    credits: int = 0
    usd: int = 0
    unpriced: int = 0

    def plus(self, each: Usage, usd_per_credit: Decimal | None) -> Totals:
        """These and one more."""
        dollars = in_usd(each.cost, usd_per_credit)
        return replace(
            self,
            jobs=self.jobs + each.jobs,
            completed=self.completed + each.completed,
            failed=self.failed + each.failed,
            credits=self.credits + (each.cost.amount if each.cost.unit is Unit.CREDITS else 0),
            usd=self.usd + (0 if dollars is None else dollars.amount),
            unpriced=self.unpriced + each.unpriced,
        )


def totals(
    usage: Iterable[Usage], key_of: Callable[[Usage], K], usd_per_credit: Mapping[str, Decimal]
) -> dict[K, Totals]:
    """Usage added up, in the order in which it is first met; `usd_per_credit` by model."""
    found: dict[K, Totals] = {}
    for each in usage:
        key = key_of(each)
        rate = usd_per_credit.get(each.model)
        found[key] = found.get(key, Totals()).plus(each, rate)
    return found
