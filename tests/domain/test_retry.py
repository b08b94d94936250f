"""Whether and when a submit is sent again."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reelgate.domain.retry import (
    CAP_S,
    FETCH_CAP_S,
    FETCH_GAP_S,
    LONGEST_RETRY_AFTER_S,
    SendAgain,
    after_failed_submit,
    backoff_s,
    before_next_fetch_s,
    fetch_failure,
    may_fetch_again,
    pause_s,
)
from reelgate.domain.video import Failure
from reelgate.errors import (
    AnswerLost,
    InternalError,
    ModerationBlocked,
    RateLimited,
    ReelgateError,
    StorageFailed,
    UnplayableVideo,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamFault,
    VideoExpired,
)


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


@given(ERRORS, ATTEMPTS, ATTEMPTS, DRAWS, st.booleans())
def test_only_what_was_surely_refused_is_ever_sent_again(
    error: UpstreamError, attempts: int, limit: int, draw: float, again: bool
) -> None:
    decision = after_failed_submit(
        error, attempts=attempts, limit=limit, draw=draw, moderated_again=again
    )
    if isinstance(decision, SendAgain):
        assert error.surely_refused
        assert error.temporary or (again and attempts == 1 and type(error) is ModerationBlocked)
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
    ("error", "unplayable", "waited_s", "again"),
    [
        (StorageFailed(), 0, 0.0, True),
        (StorageFailed(), 0, 3599.0, True),
        (StorageFailed(), 0, 3600.0, False),
        (AnswerLost(), 0, 3599.0, True),
        (VideoExpired(), 0, 3599.0, True),
        (RateLimited(), 0, 3599.0, True),
        (UpstreamBadResponse(), 0, 3599.0, True),
        (InternalError(), 0, 3599.0, True),
        (InternalError(), 0, 3600.0, False),
        (UnplayableVideo(), 4, 60.0, True),
        (UnplayableVideo(), 5, 60.0, False),
        (AnswerLost(), 5, 60.0, True),
    ],
)
def test_a_ready_file_is_fetched_until_its_time_is_over_and_counted_only_if_it_does_not_play(
    error: ReelgateError, unplayable: int, waited_s: float, *, again: bool
) -> None:
    asked = may_fetch_again(
        error, unplayable=unplayable, limit=5, waited_s=waited_s, patience_s=3600.0
    )
    assert asked == again


@given(st.integers(1, 10_000), DRAWS, st.floats(0, 7200), st.floats(0, 7200))
def test_gaps_between_fetches_grow_and_end_with_the_time_that_is_left(
    failures: int, draw: float, waited_s: float, left_s: float
) -> None:
    gap_s = before_next_fetch_s(AnswerLost(), failures, draw, waited_s=waited_s, left_s=left_s)
    assert 0 <= gap_s <= min(FETCH_CAP_S, left_s)
    more_s = before_next_fetch_s(AnswerLost(), failures + 1, draw, waited_s=waited_s, left_s=left_s)
    assert more_s >= gap_s
    assert gap_s <= max(FETCH_GAP_S, waited_s / 4)


def test_a_host_that_says_when_to_come_back_is_heeded_within_the_time_that_is_left() -> None:
    for error in (RateLimited(retry_after_s=8.0), VideoExpired(retry_after_s=8.0)):
        assert before_next_fetch_s(error, 1, 0.0, waited_s=9.0, left_s=100.0) == 8.0
        assert before_next_fetch_s(error, 1, 0.0, waited_s=9.0, left_s=5.0) == 5.0
        assert 8.0 <= before_next_fetch_s(error, 1, 0.9, waited_s=9.0, left_s=100.0) <= 9.0


def test_a_host_that_always_asks_for_no_time_at_all_is_not_asked_without_end() -> None:
    error = RateLimited(retry_after_s=0.0)
    assert before_next_fetch_s(error, 7, 0.0, waited_s=60.0, left_s=3600.0) >= 7.0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RateLimited(retry_after_s=8.0), "upstream_timeout"),
        (UpstreamFault(), "upstream_timeout"),
        (StorageFailed(), "storage_failed"),
        (UnplayableVideo(), "upstream_bad_response"),
        (VideoExpired(), "video_expired"),
        (InternalError(), "internal_error"),
    ],
)
def test_a_ready_video_that_could_not_be_kept_is_said_to_be_paid_for(
    error: ReelgateError, code: str
) -> None:
    failure = fetch_failure(error, 3600.0)
    assert failure.code == code
    assert "paid for" in failure.message
    assert failure.retry_after_s is None
