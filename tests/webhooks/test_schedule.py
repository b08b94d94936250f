"""When a failed delivery is tried again, and when no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.db.webhooks import Claimed
from reelgate.webhooks.policy import (
    GAPS_S,
    LIFE_S,
    Again,
    Delivered,
    GivenUp,
    Schedule,
    SwitchOff,
    judge,
)
from reelgate.webhooks.sender import Reply

from .receivers import a_message

DRAWS = st.floats(0, 1)
USUAL = Schedule()


def gaps(draws: list[float], retry_after_s: float | None = None) -> list[float]:
    """Every gap of a delivery whose attempts take no time and all fail."""
    waited: list[float] = []
    for failures, draw in enumerate(draws, start=1):
        gap_s = USUAL.next_gap_s(failures, sum(waited), draw, retry_after_s)
        if gap_s is None:
            return waited
        waited.append(gap_s)
    raise AssertionError("it never gives up")


def a_claim(failures: int = 0, age_s: float = 0.0) -> Claimed:
    return Claimed(1, failures + 1, failures, age_s, a_message("https://example.com/hook"))


@given(st.lists(DRAWS, min_size=30, max_size=30))
def test_the_first_retries_come_after_about_1_5_and_30_seconds_and_the_last_within_a_day(
    draws: list[float],
) -> None:
    waited = gaps(draws)
    assert waited[:3] == [pytest.approx(expected, rel=0.11) for expected in (1, 5, 30)]
    assert len(waited) == len(GAPS_S)
    assert 70_000 < sum(waited) <= LIFE_S
    assert sorted(waited) == waited


@given(st.lists(DRAWS, min_size=30, max_size=30), st.floats(0, 3600))
def test_retry_after_lengthens_a_gap_and_never_the_life(
    draws: list[float], retry_after_s: float
) -> None:
    waited = gaps(draws, retry_after_s)
    assert sum(waited) <= LIFE_S + 0.001
    left_s = LIFE_S
    for gap_s in waited:
        assert gap_s >= min(retry_after_s, left_s) - 0.001
        left_s -= gap_s


@given(DRAWS, st.integers(1, 11))
def test_two_draws_give_two_gaps_so_that_many_spread(draw: float, failures: int) -> None:
    first = USUAL.next_gap_s(failures, 0, draw)
    other = USUAL.next_gap_s(failures, 0, (draw + 0.5) % 1.0)
    assert first != other


def test_a_delivery_that_is_too_old_is_given_up() -> None:
    assert USUAL.next_gap_s(1, LIFE_S, 0.5) is None
    assert USUAL.next_gap_s(len(GAPS_S) + 1, 0, 0.5) is None


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_delivery(status: int) -> None:
    assert judge(Reply(status), a_claim(), USUAL, 0.5) == Delivered()


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 409, 429, 500, 503])
def test_every_other_status_is_tried_again_redirects_too(status: int) -> None:
    assert judge(Reply(status), a_claim(), USUAL, 0.5) == Again(1.0)


def test_410_switches_the_endpoint_off() -> None:
    assert judge(Reply(410), a_claim(), USUAL, 0.5) == SwitchOff()


def test_a_private_target_is_not_tried_again() -> None:
    assert judge(Reply(error="private", refused=True), a_claim(), USUAL, 0.5) == GivenUp()


def test_retry_after_is_kept_to() -> None:
    assert judge(Reply(429, retry_after_s=120.0), a_claim(), USUAL, 0.5) == Again(120.0)


def test_the_last_failure_gives_it_up() -> None:
    assert judge(Reply(500), a_claim(len(GAPS_S)), USUAL, 0.5) == GivenUp()
