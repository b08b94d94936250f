"""An account's polls, spaced."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.polling.budget import BURST_S, TokenBucket

arrivals_s = st.lists(st.floats(0, 30), min_size=1, max_size=60).map(sorted)


def passed_s(bucket: TokenBucket, arrivals: list[float], per_s: float) -> list[float]:
    return [at + bucket.wait_s(at, per_s) for at in arrivals]


@given(arrivals_s, st.floats(0.1, 50), st.floats(0, 60))
def test_no_window_holds_more_than_the_budget_and_a_small_burst(
    arrivals: list[float], per_s: float, window_s: float
) -> None:
    passed = passed_s(TokenBucket(), arrivals, per_s)
    for start in passed:
        inside = [at for at in passed if start <= at <= start + window_s]
        assert len(inside) <= per_s * (window_s + BURST_S) + 1 + 1e-6


@given(arrivals_s, st.floats(0.1, 50))
def test_whoever_comes_first_goes_first(arrivals: list[float], per_s: float) -> None:
    passed = passed_s(TokenBucket(), arrivals, per_s)
    assert all(earlier <= later + 1e-9 for earlier, later in pairwise(passed))


@given(arrivals_s, st.floats(0.1, 50), st.floats(0, 60))
def test_after_a_rest_all_go_one_after_the_other(
    arrivals: list[float], per_s: float, until_s: float
) -> None:
    bucket = TokenBucket()
    bucket.close(until_s)
    passed = passed_s(bucket, [min(at, until_s) for at in arrivals], per_s)
    assert passed == pytest.approx([until_s + nth / per_s for nth in range(len(passed))])


@given(arrivals_s, st.floats(0.1, 50))
def test_nobody_waits_while_the_budget_is_unused(arrivals: list[float], per_s: float) -> None:
    bucket = TokenBucket()
    spaced = [at + nth / per_s for nth, at in enumerate(arrivals)]
    assert all(bucket.wait_s(at, per_s) <= 1e-9 for at in spaced)
