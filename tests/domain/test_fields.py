"""Rows of the table of request fields: what they read, refuse, and leave out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.db.rows import to_request
from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.fields import COMMON, PROMPT, SAME_AS_DEFAULT, Field, FieldType
from reelgate.errors import InvalidRequest

LOUD = Field(name="loud", type=FieldType.BOOLEAN, default=False)
ROWS = (
    LOUD,
    Field(name="seed", type=FieldType.INTEGER, minimum=0),
    Field(name="any_seed", type=FieldType.INTEGER),
    Field(name="strength", type=FieldType.NUMBER, minimum=0, maximum=1),
    Field(name="free", type=FieldType.NUMBER),
    Field(name="mood", type=FieldType.TEXT, allowed=("calm", "wild"), default="calm"),
    Field(name="without", type=FieldType.TEXT, minimum=1, maximum=9),
)


def a_model(*rows: Field, name: str = "m") -> Model:
    return Model(id=name, provider="p", owned_by="o", created=0, fields=rows)


@given(
    st.sampled_from(ROWS),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
)
def test_any_value_is_either_taken_in_its_type_or_refused_by_name(
    row: Field, value: object
) -> None:
    said: dict[str, Any] = {row.name: value}
    try:
        request = a_model(row).request(prompt="a cat", **said)
    except InvalidRequest as refusal:
        [problem] = refusal.problems
        assert problem.param == row.name
        assert row.name in problem.message
        return
    kept = request.options.get(row.name, row.default)
    assert value is None or row.is_of_type(kept)
    assert value is None or kept == row.read(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1e400", 10**400, True])
def test_a_number_is_finite(value: object) -> None:
    with pytest.raises(InvalidRequest, match="free"):
        a_model(*ROWS).request(prompt="a cat", free=value)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_new_field_at_its_default_changes_no_fingerprint_and_no_row(row: Field) -> None:
    before = a_model().request(prompt="a cat")
    for said in ({}, {row.name: None}, {row.name: row.default}):
        request = a_model(row).request(prompt="a cat", **said)
        assert request == before
        assert request.as_json() == before.as_json()
        assert request.fingerprint() == before.fingerprint()


def test_a_default_that_changes_later_is_another_request() -> None:
    """What the upstream does unasked stays what a request without the field says."""
    now_loud = a_model(replace(LOUD, default=True, implied=False))
    quiet = a_model(LOUD).request(prompt="a cat")
    assert now_loud.request(prompt="a cat").options == {"loud": True}
    assert now_loud.request(prompt="a cat", loud=False) == quiet
    assert LOUD.implied is SAME_AS_DEFAULT
    assert replace(LOUD, default=True).unsaid is True


def test_a_value_that_differs_is_kept_through_a_row() -> None:
    request = a_model(*ROWS).request(prompt="a cat", loud=True, seed="7", strength=1)
    assert request.options == {"loud": True, "seed": 7, "strength": 1.0}
    assert to_request(request.as_json()) == request
    assert request.fingerprint() != a_model(*ROWS).request(prompt="a cat").fingerprint()


def test_a_model_may_have_its_own_bounds_for_the_prompt() -> None:
    short = a_model(replace(PROMPT, maximum=5, help="Five characters."))
    assert short.request(prompt="a cat").prompt == "a cat"
    with pytest.raises(InvalidRequest, match="6 characters: it takes 1 to 5 characters"):
        short.request(prompt="a cats")
    assert short.capabilities()["max_prompt_chars"] == 5
    catalog = Catalog([short, a_model(name="usual")])
    assert catalog.prompt().maximum == PROMPT.maximum
    assert catalog.check_prompt("m", "a cats") is not None
    assert catalog.check_prompt("gone", "a cats") is None


def test_two_meanings_of_one_name_are_refused_at_the_start() -> None:
    text, number = (Field(name="chance", type=kind) for kind in (FieldType.TEXT, FieldType.INTEGER))
    with pytest.raises(ValueError, match=r"other takes chance as integer, and m as string"):
        Catalog([a_model(text), a_model(number, name="other")])
    with pytest.raises(ValueError, match=r"m takes seed as string, and a request as integer"):
        Catalog([a_model(replace(text, name="seed"))])
    with pytest.raises(ValueError, match="declares chance twice"):
        a_model(text, number)


@pytest.mark.parametrize(
    "name", ["model", "metadata", "webhook_url", "seconds", "size", "reference_url", "options"]
)
def test_a_name_that_means_something_else_is_refused_at_the_start(name: str) -> None:
    assert name not in COMMON
    with pytest.raises(ValueError, match=name):
        a_model(Field(name=name, type=FieldType.TEXT))
