"""What a video costs, by the rows that its model declares."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.domain.catalog import Model
from reelgate.domain.fields import DURATION, FIRST_FRAME, RESOLUTION, Field, FieldType
from reelgate.domain.price import (
    MICROS,
    Money,
    Price,
    Unit,
    in_usd,
    per_second,
    per_video,
    price_of,
)
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.providers.imagine.models import imagine_models

PICTURE = [Reference(Kind.IMAGE, Role.FIRST_FRAME, "https://a.example/b.png")]
AUDIO = Field(name="audio", type=FieldType.BOOLEAN, default=True)
RATES = (
    per_video("9", input_reference=True),
    per_video(2, duration=4, resolution="480p"),
    per_second("0.75", resolution="4k"),
    per_second("0.2", audio=False),
    per_second("0.40", resolution="720p"),
)
MODEL = Model(
    id="m",
    provider="p",
    owned_by="o",
    created=0,
    price=Price(Unit.USD, "official", RATES),
    fields=(
        replace(DURATION, allowed=("auto", 4, 8), default=4),
        replace(RESOLUTION, allowed=("480p", "720p", "4k"), default="720p"),
        AUDIO,
        FIRST_FRAME,
    ),
)


@pytest.mark.parametrize(
    ("said", "dollars"),
    [
        ({}, "1.6"),
        ({"duration": 8}, "3.2"),
        ({"duration": "auto"}, "3.2"),  # the longest
        ({"audio": True}, "1.6"),
        ({"audio": False}, "0.8"),
        ({"audio": False, "resolution": "4k"}, "3"),  # the first row that fits
        ({"resolution": "480p"}, "2"),
        ({"resolution": "480p", "duration": 8}, None),  # no row fits
        ({"resolution": "480p", "references": PICTURE}, "9"),
    ],
)
def test_the_first_row_that_fits_is_the_price(said: dict[str, object], dollars: str | None) -> None:
    request = MODEL.request(prompt="a cat", **said)  # type: ignore[arg-type]
    expected = None if dollars is None else Money.of(dollars, Unit.USD)
    assert price_of(MODEL, request) == expected


def test_a_model_without_a_price_or_a_length_costs_nobody_knows_what() -> None:
    bare = Model(id="m", provider="p", owned_by="o", created=0)
    assert price_of(bare, bare.request(prompt="a cat")) is None
    timed = replace(bare, price=Price(Unit.USD, "official", (per_second("1"),)))
    assert price_of(timed, timed.request(prompt="a cat")) is None


def test_a_price_is_told_with_its_rows() -> None:
    told = MODEL.capabilities()["price"]
    assert (told["from"], told["unit"], told["certainty"]) == (1.6, "usd", "official")
    assert told["rates"][2] == {"amount": 0.75, "per": "second", "when": {"resolution": "4k"}}


def test_a_published_price_of_the_shortest_video_says_nothing_of_others() -> None:
    veo = next(model for model in imagine_models("imagine") if model.id == "veo-3.1")
    assert price_of(veo, veo.request(prompt="a cat", duration=4)) == Money(900, Unit.CREDITS)
    assert price_of(veo, veo.request(prompt="a cat", duration=8)) is None


def test_a_row_about_a_field_that_its_model_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="m has a price by quality"):
        replace(MODEL, price=Price(Unit.USD, "seen", (per_video(1, quality="high"),)))


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity"])
def test_a_row_that_is_no_price_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="is not allowed: use a number of at least 0"):
        per_video(amount)


@given(micros=st.integers(0, 2**31 - 1))
def test_dollars_are_kept_to_the_millionth_whoever_writes_them(micros: int) -> None:
    money = Money(micros, Unit.USD)
    assert Money.of(money.value, Unit.USD) == money
    assert Money.of(str(money).removeprefix("$"), Unit.USD) == money


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        ("0.4", Unit.USD, "$0.40"),
        ("0.0125", Unit.USD, "$0.0125"),
        ("12", Unit.USD, "$12.00"),
        ("0.0000001", Unit.USD, "$0.000001"),
        ("12.1", Unit.CREDITS, "13 credits"),
    ],
)
def test_amounts_read_as_people_write_them(value: str, unit: Unit, shown: str) -> None:
    assert str(Money.of(value, unit)) == shown


def test_credits_are_dollars_where_their_price_is_known() -> None:
    credits_ = Money(250, Unit.CREDITS)
    assert in_usd(credits_, Decimal("0.01")) == Money(int(2.5 * MICROS), Unit.USD)
    assert in_usd(credits_, None) is None
    assert in_usd(Money(1, Unit.USD), None) == Money(1, Unit.USD)
