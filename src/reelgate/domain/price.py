"""What a video costs before it is made: amounts of money, and prices as rows of data.

A provider declares a model's price so; the first row that fits a request is its price:

    Price(Unit.USD, "official", (
        per_second("0.75", resolution="4k"),
        per_second("0.20", audio=False),
        per_second("0.40"),
    ))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reelgate.domain.fields import AUTO, HOLD_REFERENCES, MEDIA, is_same

if TYPE_CHECKING:
    from reelgate.domain.catalog import Model
    from reelgate.domain.video import VideoRequest

MICROS = 1_000_000
"""A US dollar in the unit that amounts are counted in."""


class Unit(StrEnum):
    """What an amount counts; the value is its name in JSON."""

    CREDITS = "credits"  # a provider's own credits, whole ones
    USD = "usd"  # US dollars, counted in millionths


class Per(StrEnum):
    """What is paid for."""

    VIDEO = "video"
    SECOND = "second"  # of the finished video


@dataclass(frozen=True, slots=True)
class Money:
    """An amount: whole credits, or millionths of a US dollar."""

    amount: int
    unit: Unit

    @classmethod
    def of(cls, value: str | float | Decimal, unit: Unit) -> Money:
        """An amount as people write it, in credits or dollars; part of the smallest counts whole.

        Raises:
            ArithmeticError: it is not a finite number.
        """
        exact = Decimal(str(value)) * (MICROS if unit is Unit.USD else 1)
        if not exact.is_finite():
            message = f"{value} is no amount"
            raise ArithmeticError(message)
        return cls(int(exact.to_integral_value(ROUND_CEILING)), unit)

    @property
    def value(self) -> int | float:
        """The amount in credits or dollars, as JSON tells it."""
        return self.amount / MICROS if self.unit is Unit.USD else self.amount

    def __str__(self) -> str:
        if self.unit is Unit.CREDITS:
            return f"{self.amount} credits"
        dollars = f"{Decimal(self.amount) / MICROS:.6f}"
        # $0.40 and $0.0125: two digits at least, and no zeros after that.
        return f"${dollars[:-4]}{dollars[-4:].rstrip('0')}"


@dataclass(frozen=True, slots=True)
class Rate:
    """One row of a price.

    Attributes:
        amount: in the price's unit.
        per: what it is paid for.
        when: the values of a request's fields that it holds for, by their names; of a field that
            holds references, whether there are any. Empty: for every request.
    """

    amount: Decimal
    per: Per
    when: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or self.amount < 0:
            message = f"a price of {self.amount} is not allowed: use a number of at least 0"
            raise ValueError(message)

    def described(self) -> dict[str, Any]:
        """The row as the capabilities tell it."""
        number = int(self.amount) if self.amount == int(self.amount) else float(self.amount)
        return {"amount": number, "per": self.per.value, "when": dict(self.when)}


def per_video(amount: str | int, **when: object) -> Rate:
    """So much for a video, however long."""
    return Rate(Decimal(amount), Per.VIDEO, when)


def per_second(amount: str | int, **when: object) -> Rate:
    """So much for each second of a video."""
    return Rate(Decimal(amount), Per.SECOND, when)


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's videos cost.

    Attributes:
        unit: what the rows count.
        certainty: where they are from: `official`, `seen` (told by others) or `configured`.
        rates: the rows; the first that fits a request counts. Where none does, nobody knows.
        usd_per_credit: what one of the provider's credits costs; None where that is not known.
    """

    unit: Unit
    certainty: str
    rates: tuple[Rate, ...]
    usd_per_credit: Decimal | None = None

    def described(self) -> dict[str, Any]:
        """The price as the capabilities tell it."""
        return {
            "unit": self.unit.value,
            "certainty": self.certainty,
            "rates": [rate.described() for rate in self.rates],
        }


def price_of(model: Model, request: VideoRequest) -> Money | None:
    """What a request costs by its model's price; None where that does not say.

    Where the model chooses the duration, the longest it makes is what counts. What a new video
    costs says nothing of changing or extending one: only a rate that names that field does.
    """
    price, source = model.price, request.source
    needed = set() if source is None else {MEDIA[source.role].name}
    for rate in price.rates if price else ():
        if not needed <= rate.when.keys():
            continue
        if all(is_same(told(model, request, name), value) for name, value in rate.when.items()):
            break
    else:
        return None
    seconds = 1 if rate.per is Per.VIDEO else seconds_of(model, request)
    return None if price is None or seconds is None else Money.of(rate.amount * seconds, price.unit)


def told(model: Model, request: VideoRequest, name: str) -> object:
    """What a request says of a field, also where it leaves it out."""
    if name in HOLD_REFERENCES:
        return any(MEDIA[each.role].name == name for each in request.references)
    if name in request.options:
        return request.options[name]
    row = model.rows.get(name)
    return getattr(request, name, None if row is None else row.unsaid)


def seconds_of(model: Model, request: VideoRequest) -> int | None:
    """How long the video is at most; None where nobody tells."""
    if request.duration != AUTO:
        return request.duration if isinstance(request.duration, int) else None
    return max((each for each in model.durations if isinstance(each, int)), default=None)


def in_usd(money: Money, usd_per_credit: Decimal | None) -> Money | None:
    """An amount in dollars; None where a credit's price is not known."""
    if money.unit is Unit.USD:
        return money
    if usd_per_credit is None:
        return None
    return Money.of(money.amount * usd_per_credit, Unit.USD)
