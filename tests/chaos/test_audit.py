"""Every kind of broken promise is found, and a kept one is not complained about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from chaos.audit import Evidence, audit
from chaos.callers import CallerRequest, RequestStyle
from chaos.logs import Claim, Stop, takeovers_s
from chaos.metrics import Told
from chaos.receiver import Delivery
from chaos.rows import Row

GOOD = Row("video_1", "a cat", "completed", "up-1", None, "aa", "video_1.mp4")
SECOND = replace(GOOD, id="video_2", provider_id="up-2", sha256="bb", file_key="video_2.mp4")
JOB = {"prompt": "a cat", "id": "up-1", "state": "finished"}
SECOND_JOB = {"prompt": "a cat", "id": "up-2", "state": "finished"}
UPSTREAM = {"up-1": "aa", "up-2": "bb"}
KEPT = {"video_1.mp4": "aa", "video_2.mp4": "bb"}


def a_request(
    style: RequestStyle = RequestStyle.KEYED, asks: int = 1, outcome: str | None = "completed"
) -> CallerRequest:
    return CallerRequest(
        "a cat", style, asks, known_ids={"video_1"}, outcome=outcome, final_id="video_1"
    )


def deliveries_of(rows: Sequence[Row]) -> list[Delivery]:
    return [
        Delivery("/all", f"msg_{row.id}_{event}", event, row.id, is_genuine=True)
        for row in rows
        if row.is_over
        for event in row.ends
    ]


def found(
    request: CallerRequest,
    rows: Sequence[Row],
    accepted: Sequence[Mapping[str, str]] = (JOB,),
    *,
    upstream: Mapping[str, str] = UPSTREAM,
    kept: Mapping[str, str] = KEPT,
    deliveries: Sequence[Delivery] | None = None,
    told: Sequence[Told] = (),
) -> set[str]:
    """The kinds of promise that were broken, by their first word."""
    heard = deliveries_of(rows) if deliveries is None else deliveries
    costs = {"up-1": 5, "up-2": 5}
    findings = audit(Evidence([request], rows, accepted, upstream, kept, heard, costs, told))
    return {kind.split()[0] for kind, broken in findings.all().items() if broken}


def test_a_video_made_once_and_kept_breaks_no_promise() -> None:
    assert found(a_request(), [GOOD]) == set()


def test_metrics_that_tell_another_sum_than_the_upstream_are_miscounted() -> None:
    priced = replace(GOOD, has_price=True)
    right = Told.by("gateway-0", 'reelgate_spend_today{unit="credits"} 5.0\n')
    wrong = Told.by("gateway-1", 'reelgate_spend_today{unit="credits"} 10.0\n')
    assert found(a_request(), [priced], told=[right]) == set()
    assert found(a_request(), [priced], told=[right, wrong]) == {"miscounted"}
    assert found(a_request(), [GOOD], told=[right]) == {"miscounted"}


def test_a_job_that_a_caller_was_deliveries_of_and_that_is_gone_is_lost() -> None:
    assert "lost" in found(a_request(), [], [])


def test_a_job_without_an_end_is_unfinished() -> None:
    assert "unfinished" in found(a_request(), [replace(GOOD, state="rendering")])


def test_a_keyed_request_submitted_twice_is_doubled() -> None:
    assert "duplicated" in found(a_request(asks=5), [GOOD], [JOB, SECOND_JOB])


def test_two_jobs_for_one_keyed_request_are_doubled_even_if_one_was_never_sent() -> None:
    rows = [GOOD, Row("video_2", "a cat", "failed", failure="cancelled")]
    assert "duplicated" in found(a_request(), rows)


@pytest.mark.parametrize(("asks", "expected"), [(1, {"duplicated"}), (2, set())])
def test_a_bare_request_may_be_submitted_as_often_as_it_was_sent(
    asks: int, expected: set[str]
) -> None:
    request = a_request(RequestStyle.BARE, asks)
    assert found(request, [GOOD, SECOND], [JOB, SECOND_JOB]) == expected


def test_an_accepted_job_that_no_video_knows_of_is_orphaned() -> None:
    jobs = [JOB, {"prompt": "a dog", "id": "up-9", "state": "failed"}]
    assert found(a_request(), [GOOD], jobs) == {"orphaned"}


def test_a_failure_that_says_the_submit_may_have_been_accepted_excuses_one() -> None:
    row = Row("video_1", "a cat", "failed", failure="submission_unknown")
    assert found(a_request(outcome="submission_unknown"), [row]) == set()


def test_an_honest_failure_that_excludes_acceptance_excuses_nothing() -> None:
    row = Row("video_1", "a cat", "failed", failure="rate_limited")
    assert found(a_request(outcome="rate_limited"), [row]) == {"orphaned"}


@pytest.mark.parametrize(
    ("state", "failure", "expected"),
    [
        ("finished", "storage_failed", {"abandoned"}),
        ("finished", "upstream_timeout", {"abandoned"}),
        ("finished", "cancelled", set()),
        ("failed", "upstream_failed", set()),
    ],
)
def test_a_video_finished_upstream_whose_job_failed_is_abandoned(
    state: str, failure: str, expected: set[str]
) -> None:
    row = replace(GOOD, state="failed", failure=failure, sha256=None, file_key=None)
    assert found(a_request(outcome=failure), [row], [{**JOB, "state": state}]) == expected


def test_a_caller_who_was_told_something_else_is_contradicted() -> None:
    assert found(a_request(outcome="upstream_failed"), [GOOD]) == {"contradicted"}
    assert found(a_request(outcome=None), [GOOD]) == {"contradicted"}


def test_a_caller_who_was_told_a_failure_that_was_corrected_since_is_not_contradicted() -> None:
    corrected = replace(GOOD, corrects="upstream_bad_response")
    assert found(a_request(outcome="upstream_bad_response"), [corrected]) == set()
    assert found(a_request(outcome="upstream_failed"), [corrected]) == {"contradicted"}


def test_an_answer_that_is_no_json_is_unreadable() -> None:
    request = a_request()
    request.unreadable.append("500 'Internal Server Error'")
    assert found(request, [GOOD]) == {"unreadable"}


def test_a_file_that_differs_from_the_upstreams_by_a_byte_is_damaged() -> None:
    assert found(a_request(), [GOOD], upstream={"up-1": "ab"}) == {"damaged"}


@pytest.mark.parametrize("kept", [{"video_1.mp4": "ab"}, {}], ids=["changed", "gone"])
def test_a_file_that_changed_after_it_was_kept_is_damaged(kept: dict[str, str]) -> None:
    assert found(a_request(), [GOOD], kept=kept) == {"damaged"}


def test_a_video_whose_end_nobody_was_deliveries_of_is_untold() -> None:
    assert found(a_request(), [GOOD], deliveries=[]) == {"undelivered"}


def test_webhooks_of_strangers_are_invented_or_forged() -> None:
    stranger = Delivery("/all", "msg_9", "video.completed", "video_9", is_genuine=False)
    assert found(a_request(), [GOOD], deliveries=[*deliveries_of([GOOD]), stranger]) == {
        "unexpected",
        "forged",
    }


def test_two_ends_of_one_video_are_misordered() -> None:
    again = replace(deliveries_of([GOOD])[0], id="msg_9")
    assert found(a_request(), [GOOD], deliveries=[*deliveries_of([GOOD]), again]) == {"reordered"}


def test_a_takeover_is_measured_from_the_kill_to_the_next_claim() -> None:
    claims = [
        Claim(1.0, "gateway-0", "video_1"),
        Claim(1.0, "gateway-1", "video_2"),
        Claim(1.0, "gateway-0", "video_3"),
        Claim(22.0, "gateway-1", "video_1"),
    ]
    ends = {"video_1": 30.0, "video_2": 30.0, "video_3": 5.0}
    assert takeovers_s([Stop(10.0, "gateway-0")], claims, ends) == [12.0]
