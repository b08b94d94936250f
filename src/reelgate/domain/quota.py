"""Whether an API key may have one more video: decided from its allowance and what it has spent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from reelgate.domain.api_keys import UNLIMITED, Allowance, Period
from reelgate.domain.catalog import Model
from reelgate.domain.fields import ALLOW_UNPRICED, MAX_PRICE
from reelgate.domain.price import Money, Unit, in_usd, price_of
from reelgate.domain.video import VideoRequest
from reelgate.errors import ModelNotAllowed, PriceRefused, RateLimited, ReelgateError

BUSY_RETRY_S = 10.0
"""`Retry-After` of a key that has reached its limit of unfinished videos."""


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """What may be spent between two Unix times."""

    money: Money
    period: Period
    since: float
    until: float

    def __str__(self) -> str:
        of = "today" if self.period is Period.DAY else "this month"
        return f"{self.money} of {of}"


@dataclass(frozen=True, slots=True)
class Spent:
    """What an owner's videos of one model have cost, in one unit, in a day or before it.

    Attributes:
        is_today: whether it was today.
        amount: what was told, or else expected.
        unpriced: how many beside may have cost something, and nobody knows what.
        dearest: the most that was told of one.
    """

    model: str
    unit: Unit
    is_today: bool
    amount: int
    unpriced: int
    dearest: int


@dataclass(frozen=True, slots=True)
class Quota:
    """What an owner may have; None and nothing mean no limit.

    Attributes:
        max_in_flight: unfinished videos at once.
        limits: what it may spend.
        price: what the new video is expected to cost, in each unit that is known.
        refusal: why it may not have the new video however little it has spent.
        usd_per_credit: what a credit costs at the provider of each model, where that is known.
    """

    max_in_flight: int | None = None
    limits: tuple[SpendLimit, ...] = ()
    price: tuple[Money, ...] = ()
    refusal: ReelgateError | None = None
    usd_per_credit: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def since(self) -> float:
        """Since when its limits count."""
        return min(limit.since for limit in self.limits)

    def check_open(self, open_videos: int) -> None:
        """Refuse one more than the key may have under way.

        Raises:
            RateLimited: saying when to come back.
        """
        if self.max_in_flight is not None and open_videos >= self.max_in_flight:
            message = f"this API key may have {self.max_in_flight} videos under way at once"
            raise RateLimited(message, retry_after_s=BUSY_RETRY_S)

    def check_spent(self, spent: Sequence[Spent], now: float) -> None:
        """Refuse what would go beyond a limit; a price that nobody knows goes up to it.

        Raises:
            RateLimited: saying which, and when to come back.
        """
        for limit in self.limits:
            unit = limit.money.unit
            before = self._sum(spent, unit, only_today=limit.period is Period.DAY)
            price = next((each for each in self.price if each.unit is unit), None)
            left = Money(max(0, limit.money.amount - before), unit)
            if left.amount >= (1 if price is None else price.amount):
                continue
            message = f"this API key has spent its {limit}"
            if left.amount:
                message = (
                    f"the video costs {price}, and this API key has {left} left of its {limit}"
                )
            raise RateLimited(message, retry_after_s=max(1.0, limit.until - now))

    def _sum(self, spent: Sequence[Spent], unit: Unit, *, only_today: bool) -> int:
        """What was spent in a unit; what nobody told the price of counts as its model's dearest."""
        dearest = {each.model: each for each in sorted(spent, key=lambda each: each.dearest)}
        total = 0
        for each in spent:
            if only_today and not each.is_today:
                continue
            most = dearest[each.model]
            amounts = (
                Money(each.amount, each.unit),
                Money(most.dearest * each.unpriced, most.unit),
            )
            total += sum(self._amount_in(unit, money, each.model) for money in amounts)
        return total

    def _amount_in(self, unit: Unit, money: Money, model: str) -> int:
        if money.unit is unit:
            return money.amount
        dollars = in_usd(money, self.usd_per_credit.get(model)) if unit is Unit.USD else None
        return 0 if dollars is None else dollars.amount


NO_QUOTA = Quota()


@dataclass(frozen=True, slots=True)
class Quote:
    """What a video is expected to cost, and where that is from; `price` is None: nobody knows."""

    price: Money | None = None
    usd: Money | None = None
    certainty: str | None = None

    @property
    def amounts(self) -> tuple[Money, ...]:
        """The price in each unit that it is known in."""
        return tuple(dict.fromkeys(each for each in (self.price, self.usd) if each is not None))


def quote_by_price(model: Model, request: VideoRequest) -> Quote:
    """What a video costs by its model's price."""
    price = price_of(model, request)
    if price is None or model.price is None:
        return Quote()
    return Quote(price, in_usd(price, model.usd_per_credit), model.price.certainty)


def beyond_max_price(model: Model, request: VideoRequest, quote: Quote) -> PriceRefused | None:
    """Why a request's own `max_price` forbids its video at this price; None where it does not."""
    told = request.options.get(MAX_PRICE.name)
    if told is None:
        return None
    most = Money.of(told, Unit.USD)
    if quote.usd is None:
        if request.options.get(ALLOW_UNPRICED.name):
            return None
        message = (
            f"{model.id} has {known_as(quote)} with these settings, and max_price is in US "
            "dollars: ask for a model whose price is known in dollars, leave max_price out, or "
            "send allow_unpriced: true"
        )
        return PriceRefused(message, param=MAX_PRICE.name)
    if quote.usd.amount <= most.amount:
        return None
    return too_dear(model, quote, f"max_price is {most}", MAX_PRICE.name)


def quota_of(
    allowance: Allowance,
    model: Model,
    quote: Quote,
    now: float,
    usd_per_credit: Mapping[str, Decimal],
    *,
    asked: str = "",
) -> Quota:
    """What an owner with this allowance may have, when it asks for a video at this price.

    `asked`: the name of the virtual model that it has asked for, if it is one.
    """
    if allowance == UNLIMITED:
        return NO_QUOTA
    limits = tuple(
        SpendLimit(money, period, period.since(now), period.until(now))
        for period in Period
        for money in allowance.per[period]
    )
    return Quota(
        max_in_flight=allowance.max_in_flight,
        limits=limits,
        price=quote.amounts,
        refusal=refusal_of(allowance, model, quote, limits, asked),
        usd_per_credit=usd_per_credit,
    )


def refusal_of(
    allowance: Allowance, model: Model, quote: Quote, limits: Sequence[SpendLimit], asked: str
) -> ReelgateError | None:
    """Why a key may not have a video, whatever it has spent before; None where it may."""
    if not allowance.allows_model(*model.names) and not allowance.allows_model(asked, asked):
        allowed = ", ".join(allowance.models)
        message = f"this API key may not ask for model {model.id!r}: it may ask for {allowed}"
        return ModelNotAllowed(message, param="model")
    highest = allowance.max_price
    for most in highest:
        if any(each.unit is most.unit and each.amount > most.amount for each in quote.amounts):
            return too_dear(model, quote, f"this API key pays at most {most} for a video")
    for limit in limits:
        most = limit.money
        if any(each.unit is most.unit and each.amount > most.amount for each in quote.amounts):
            return too_dear(model, quote, f"this API key may spend {most} a {limit.period} in all")
    if allowance.allow_unpriced:
        return None
    for field_, limited in (("max_price", highest), ("spend", [each.money for each in limits])):
        if limited and not known_in(quote, limited):
            return unknown(model, quote, field_, limited)
    return None


def known_in(quote: Quote, limited: Iterable[Money]) -> bool:
    """Whether a price is known in a unit that is limited."""
    return not {each.unit for each in limited}.isdisjoint(each.unit for each in quote.amounts)


def too_dear(model: Model, quote: Quote, why: str, param: str = "model") -> PriceRefused:
    """The video costs more than it may ever cost."""
    return PriceRefused(f"{model.id} costs {quote.price} with these settings: {why}", param=param)


def known_as(quote: Quote) -> str:
    """A price that is not known in the unit that matters."""
    return "an unknown price" if quote.price is None else f"the price {quote.price}"


def unknown(model: Model, quote: Quote, what: str, limited: Sequence[Money]) -> PriceRefused:
    """Nobody knows what it costs in the unit of any limit."""
    units = " and ".join(dict.fromkeys(each.unit.value for each in limited))
    message = (
        f"{model.id} has {known_as(quote)} with these settings, and the {what} limit of this API "
        f"key is in {units}: ask for a model whose price is known in {units}, or have the key's "
        f"`allow_unpriced` set to true"
    )
    return PriceRefused(message, param="model")
