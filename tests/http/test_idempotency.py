"""What headers say of paying once, and what of it cannot be taken."""

from __future__ import annotations

import pytest

from reelgate.errors import InvalidRequest
from reelgate.http.idempotency import LONGEST_AGE_S, idempotency_key, max_age_s, retry_count


@pytest.mark.parametrize(
    ("value", "count"),
    [(None, 0), ("0", 0), ("2", 2), ("soon", 0), ("-1", 0), ("\xb2", 0), ("", 0)],
)
def test_a_count_of_tries_is_a_plain_number(value: str | None, count: int) -> None:
    assert retry_count(value) == count


@pytest.mark.parametrize("value", [str(2**31), str(2**63), "9" * 309, "9" * 5000])
def test_a_count_beyond_all_sense_is_refused_by_its_name(value: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        retry_count(value)
    assert refusal.value.param == "x-stainless-retry-count"
    assert len(refusal.value.message) < 200


@pytest.mark.parametrize(
    ("header", "age_s"),
    [
        ("", None),
        ("max-age=60", 60.0),
        ('public, MAX-AGE="60"', 60.0),
        ("max-age=0", None),
        ("max-age=60, no-cache", None),
        ("no-store, max-age=60", None),
        ("max-age=soon", None),
        (f"max-age={2**31 + 1}", LONGEST_AGE_S),
        ("max-age=" + "9" * 19, LONGEST_AGE_S),
    ],
)
def test_an_age_is_read_as_the_rfc_says(header: str, age_s: float | None) -> None:
    assert max_age_s(header) == age_s


@pytest.mark.parametrize("digits", [20, 309, 5000])
def test_an_age_of_endless_digits_is_refused_by_its_name(digits: int) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        max_age_s("max-age=" + "9" * digits)
    assert refusal.value.param == "Cache-Control"


def test_one_key_is_taken_and_two_are_not() -> None:
    assert idempotency_key([]) is None
    assert idempotency_key(["a"]) == idempotency_key(["a", "a"]) == "a"
    for values in (["a", "b"], [""], ["x" * 256]):
        with pytest.raises(InvalidRequest):
            idempotency_key(values)
