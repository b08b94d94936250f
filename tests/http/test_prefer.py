"""How long a caller says that it wants to wait."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.http.generations import Preference, parse_prefer


@pytest.mark.parametrize(
    ("header", "wait_s", "respond_async"),
    [
        (None, None, False),
        ("", None, False),
        ("wait=10", 10, False),
        ("WAIT=10", 10, False),
        ('wait="10"', 10, False),
        ("wait = 10", 10, False),
        ("wait=0", 0, False),
        ("wait=10; foo=bar", 10, False),
        ("respond-async", None, True),
        ("Respond-Async, wait=5", 5, True),
        ("wait=5,respond-async", 5, True),
        ("wait=5, wait=9", 5, False),
        ("return=minimal, wait=7", 7, False),
        ("wait", None, False),
        ("wait=", None, False),
        ("wait=soon", None, False),
        ("wait=-1", None, False),
        ("wait=1.5", None, False),
        ("wait=\uff11\uff10", None, False),
        ("wait=²", None, False),
        (", ,;=", None, False),
    ],
)
def test_a_header_is_read_as_the_rfc_says(
    header: str | None, wait_s: float | None, respond_async: bool
) -> None:
    assert parse_prefer(header) == Preference(wait_s, respond_async)


@pytest.mark.parametrize(
    ("header", "applied"),
    [
        (None, None),
        ("nonsense", None),
        ("wait=10", "wait=10"),
        ("wait=5, respond-async", "respond-async, wait=5"),
    ],
)
def test_what_was_honoured_is_echoed(header: str | None, applied: str | None) -> None:
    assert parse_prefer(header).applied() == applied


@given(st.text() | st.from_regex(r"(wait=[0-9]*|respond-async|[;,= \"])*", fullmatch=True))
def test_no_header_is_an_error(header: str) -> None:
    preference = parse_prefer(header)
    assert preference.wait_s is None or preference.wait_s >= 0
    assert parse_prefer(preference.applied()) == preference


@pytest.mark.parametrize("digits", [30, 400, 5000])
def test_a_wait_of_absurd_length_is_still_a_number(digits: int) -> None:
    preference = parse_prefer("wait=" + "9" * digits)
    assert preference.wait_s is not None
    assert math.isfinite(preference.wait_s)
    assert "inf" not in (preference.applied() or "")
