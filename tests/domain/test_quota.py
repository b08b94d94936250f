"""Whether a key may have one more video: plain decisions on plain data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from reelgate.domain.api_keys import Allowance, Period, allowance_of
from reelgate.domain.catalog import Model
from reelgate.domain.price import Money, Unit
from reelgate.domain.quota import Quota, Quote, Spent, beyond_max_price, quota_of
from reelgate.errors import ModelNotAllowed, PriceRefused, RateLimited

NOW = datetime(2026, 12, 31, 23, 0, tzinfo=UTC).timestamp()
MODEL = Model(id="m", provider="p", owned_by="o", created=0)
CREDITS, USD = Unit.CREDITS, Unit.USD
FORTY_CENTS = Money.of("0.4", USD)


def quota(quote: Quote, **limits: object) -> Quota:
    rates = {"m": Decimal("0.01")} if quote.usd else {}
    return quota_of(allowance_of(limits), MODEL, quote, NOW, rates)


def in_dollars(told: str) -> Quote:
    money = Money.of(told, USD)
    return Quote(money, money, "official")


def in_credits(amount: int, usd: str | None = None) -> Quote:
    return Quote(Money(amount, CREDITS), None if usd is None else Money.of(usd, USD), "official")


def test_a_month_ends_with_the_year_and_a_day_at_midnight() -> None:
    new_year = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert Period.DAY.until(NOW) == Period.MONTH.until(NOW) == new_year
    assert Period.MONTH.since(NOW) == datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert Period.DAY.since(NOW) == NOW - 23 * 3600


REFUSED = (
    # limits, quote, what the refusal says
    ({"max_price_usd": 0.3}, in_dollars("0.4"), r"costs \$0.40 .* pays at most \$0.30"),
    ({"max_price_credits": 5}, in_credits(6), "costs 6 credits .* pays at most 5 credits"),
    ({"usd_per_day": 0.3}, in_dollars("0.4"), r"may spend \$0.30 a day in all"),
    ({"max_price_usd": 1}, Quote(), "unknown price .* max_price limit .* in usd"),
    ({"usd_per_month": 1}, Quote(), "spend limit .* in usd: .* `allow_unpriced`"),
    ({"usd_per_month": 1}, in_credits(5), "price 5 credits .* in usd"),
    ({"credits_per_day": 9}, in_dollars("0.4"), r"price \$0.40 .* in credits"),
    # A limit of the one says nothing of the other.
    ({"usd_per_day": 9, "max_price_credits": 9}, in_credits(5), "spend limit .* in usd"),
)


@pytest.mark.parametrize(("limits", "quote", "says"), REFUSED)
def test_what_may_never_be_paid_is_refused_whatever_was_spent(
    limits: dict[str, object], quote: Quote, says: str
) -> None:
    refusal = quota(quote, **limits).refusal
    assert isinstance(refusal, PriceRefused)
    with pytest.raises(PriceRefused, match=says):
        raise refusal


@pytest.mark.parametrize(
    ("limits", "quote"),
    [
        ({}, Quote()),
        ({"rpm": 1, "max_in_flight": 1}, Quote()),
        ({"max_price_usd": 0.4, "usd_per_day": 0.4}, in_dollars("0.4")),
        ({"usd_per_day": 1}, in_credits(5, "0.05")),
        ({"usd_per_day": 1, "credits_per_day": 9}, in_credits(5)),
        ({"usd_per_day": 1, "max_price_usd": 1, "allow_unpriced": True}, Quote()),
    ],
)
def test_what_may_be_paid_is_not(limits: dict[str, object], quote: Quote) -> None:
    assert quota(quote, **limits).refusal is None


@pytest.mark.parametrize(
    ("said", "quote", "says"),
    [
        ({"max_price": 0.3}, in_dollars("0.4"), r"costs \$0.40 .* max_price is \$0.30"),
        ({"max_price": 0}, in_dollars("0.000001"), r"max_price is \$0.00"),
        ({"max_price": 0.04}, in_credits(5, "0.05"), r"costs 5 credits .* max_price is \$0.04"),
        ({"max_price": 9}, Quote(), "unknown price .* allow_unpriced: true"),
        ({"max_price": 9}, in_credits(5), "price 5 credits .* allow_unpriced: true"),
        ({"max_price": 0.3, "allow_unpriced": True}, in_dollars("0.4"), "max_price is"),
        ({"max_price": 0.4}, in_dollars("0.4"), None),
        ({"max_price": 1e300}, in_dollars("0.4"), None),
        ({"max_price": 9, "allow_unpriced": True}, Quote(), None),
        ({}, Quote(), None),
    ],
)
def test_a_request_says_itself_what_its_video_may_cost(
    said: dict[str, object], quote: Quote, says: str | None
) -> None:
    refusal = beyond_max_price(MODEL, MODEL.sample(**said), quote)
    if says is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.param == "max_price"
        with pytest.raises(PriceRefused, match=says):
            raise refusal


def test_a_model_is_allowed_by_its_name_or_its_providers() -> None:
    for models, allowed in (((), True), (("m",), True), (("p/*",), True), (("n", "p"), False)):
        refusal = quota_of(Allowance(models=models), MODEL, Quote(), NOW, {}).refusal
        assert isinstance(refusal, ModelNotAllowed) is not allowed


TODAY = Spent("m", USD, is_today=True, amount=600_000, unpriced=0, dearest=600_000)
BEFORE = replace(TODAY, is_today=False)


def test_a_limit_counts_its_own_days_and_the_new_video() -> None:
    today = quota(in_dollars("0.4"), usd_per_day=1)
    today.check_spent([TODAY, BEFORE], NOW)
    with pytest.raises(
        RateLimited, match=r"costs \$0.40, and .* \$0.30 left of its \$0.90 of today"
    ):
        quota(in_dollars("0.4"), usd_per_day=0.9).check_spent([TODAY], NOW)
    with pytest.raises(RateLimited, match="this month") as refused:
        quota(in_dollars("0.4"), usd_per_month=1).check_spent([TODAY, BEFORE], NOW)
    assert refused.value.retry_after_s == 3600


def test_credits_count_in_dollars_where_their_price_is_known() -> None:
    spent = [Spent("m", CREDITS, is_today=True, amount=95, unpriced=0, dearest=95)]
    quota(in_credits(5, "0.05"), usd_per_day=1).check_spent(spent, NOW)
    with pytest.raises(RateLimited):
        quota(in_credits(6, "0.06"), usd_per_day=1).check_spent(spent, NOW)
    # Of another model, whose credits nobody can tell in dollars.
    others = [replace(spent[0], model="other")]
    quota(in_credits(6, "0.06"), usd_per_day=1).check_spent(others, NOW)


def test_what_nobody_knows_the_price_of_counts_as_the_dearest_of_its_model() -> None:
    """Also where it was the day before, and where the unpriced have no unit of their own yet."""
    unpriced = Spent("m", CREDITS, is_today=True, amount=0, unpriced=2, dearest=0)
    other = replace(unpriced, model="other")
    quota(Quote(), usd_per_day=1.3, allow_unpriced=True).check_spent([unpriced, BEFORE, other], NOW)
    with pytest.raises(RateLimited, match=r"has spent its \$1.20 of today"):
        quota(Quote(), usd_per_day=1.2, allow_unpriced=True).check_spent([unpriced, BEFORE], NOW)
