"""Whether and when a submit is sent again."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reelgate.errors import (
    AnswerLost,
    RateLimited,
    ReelgateError,
    StorageFailed,
    TooLargeToKeep,
    UpstreamError,
)
from reelgate.retry import (
    CAP_S,
    LONGEST_RETRY_AFTER_S,
    SendAgain,
    after_failed_submit,
    backoff_s,
    may_fetch_again,
    pause_s,
)
from reelgate.video import Failure


def all_below(kind: type[UpstreamError]) -> list[type[UpstreamError]]:
    return [kind, *(one for below in kind.__subclasses__() for one in all_below(below))]


KINDS = all_below(UpstreamError)
ERRORS = st.builds(
    lambda kind, retry_after_s: kind(retry_after_s=retry_after_s),
    st.sampled_from(KINDS),
    st.none() | st.floats(0, 3600),
)
ATTEMPTS = st.integers(1, 100)
DRAWS = st.floats(0, 1, exclude_max=True)


@given(ERRORS, ATTEMPTS, ATTEMPTS, DRAWS)
def test_only_what_was_surely_refused_is_ever_sent_again(
    error: UpstreamError, attempts: int, limit: int, draw: float
) -> None:
    decision = after_failed_submit(error, attempts=attempts, limit=limit, draw=draw)
    if isinstance(decision, SendAgain):
        assert error.surely_refused
        assert error.temporary
        assert attempts < limit
        assert (error.retry_after_s or 0) <= LONGEST_RETRY_AFTER_S


@given(ERRORS, ATTEMPTS, DRAWS)
def test_a_job_whose_submit_is_refused_for_ever_ends(
    error: UpstreamError, limit: int, draw: float
) -> None:
    assert isinstance(after_failed_submit(error, attempts=limit, limit=limit, draw=draw), Failure)


@given(ERRORS, DRAWS)
def test_a_failure_says_when_to_come_back_only_where_that_helps_and_cost_nothing(
    error: UpstreamError, draw: float
) -> None:
    failure = after_failed_submit(error, attempts=8, limit=8, draw=draw)
    assert isinstance(failure, Failure)
    assert (failure.retry_after_s is not None) == (error.temporary and error.surely_refused)
    assert failure.retry_after_s is None or failure.retry_after_s > 0


@given(ERRORS, DRAWS)
def test_an_unknown_outcome_is_told_as_one_unless_the_answer_says_more(
    error: UpstreamError, draw: float
) -> None:
    assume(not error.surely_refused)
    failure = after_failed_submit(error, attempts=1, limit=8, draw=draw)
    assert isinstance(failure, Failure)
    assert failure.code in {"submission_unknown", "upstream_bad_response"}


@given(ATTEMPTS, DRAWS)
def test_a_backoff_keeps_half_of_its_span_and_its_cap(failures: int, draw: float) -> None:
    delay_s = backoff_s(failures, draw)
    span_s = min(CAP_S, 2.0 ** (failures - 1))
    assert span_s / 2 <= delay_s <= span_s <= CAP_S


@given(st.integers(1, 10**9), DRAWS)
def test_no_number_of_failures_is_too_much(failures: int, draw: float) -> None:
    assert math.isfinite(backoff_s(failures, draw))


@given(ATTEMPTS, ATTEMPTS, DRAWS)
def test_a_backoff_never_shrinks_as_failures_add_up(one: int, other: int, draw: float) -> None:
    fewer, more = sorted((one, other))
    assert backoff_s(fewer, draw) <= backoff_s(more, draw)


@given(st.floats(0, 3600), ATTEMPTS, DRAWS)
def test_retry_after_is_kept_to_and_little_is_added(
    retry_after_s: float, failures: int, draw: float
) -> None:
    error = RateLimited(retry_after_s=retry_after_s)
    assert retry_after_s <= pause_s(error, failures, draw) <= retry_after_s + 1


@pytest.mark.parametrize(
    ("retry_after_s", "again"),
    [(LONGEST_RETRY_AFTER_S, True), (LONGEST_RETRY_AFTER_S + 1, False)],
)
def test_too_long_a_wait_is_reported_instead(retry_after_s: float, again: bool) -> None:
    error = RateLimited(retry_after_s=retry_after_s)
    decision = after_failed_submit(error, attempts=1, limit=8, draw=0.5)
    assert isinstance(decision, SendAgain) is again
    if isinstance(decision, Failure):
        assert decision.retry_after_s == retry_after_s


@pytest.mark.parametrize(
    ("error", "attempts", "waited_s", "again"),
    [
        (StorageFailed(), 0, 0.0, True),
        (StorageFailed(), 99, 239.0, True),
        (StorageFailed(), 0, 240.0, False),
        (TooLargeToKeep(), 0, 0.0, False),
        (AnswerLost(), 4, 9999.0, True),
        (AnswerLost(), 5, 0.0, False),
    ],
)
def test_a_file_waits_for_our_storage_by_the_clock_and_for_the_upstream_by_count(
    error: ReelgateError, attempts: int, waited_s: float, *, again: bool
) -> None:
    asked = may_fetch_again(error, attempts=attempts, limit=5, waited_s=waited_s, patience_s=240.0)
    assert asked == again
