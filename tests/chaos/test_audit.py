"""Every kind of broken promise is found, and a kept one is not complained about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.audit import Findings, Row, audit
from chaos.callers import Manner, Order
from chaos.takeover import Claim, Death, takeovers_s

GOOD = Row("video_1", "a cat", "completed", "up-1", None, "aa")
JOB = {"prompt": "a cat", "id": "up-1"}
FILES = {"up-1": "aa"}


def an_order(manner: Manner = Manner.KEYED, asks: int = 1, outcome: str = "completed") -> Order:
    return Order("a cat", manner, asks, {"video_1"}, outcome, "video_1")


def found(findings: Findings) -> set[str]:
    """The kinds of promise that were broken, by their first word."""
    return {kind.split()[0] for kind, broken in findings.all().items() if broken}


def test_a_video_made_once_and_kept_breaks_no_promise() -> None:
    assert found(audit([an_order()], [GOOD], [JOB], FILES)) == set()


def test_a_job_that_a_caller_was_told_of_and_that_is_gone_is_lost() -> None:
    assert "lost" in found(audit([an_order()], [], [], {}))


def test_a_job_without_an_end_is_unfinished() -> None:
    row = replace(GOOD, state="rendering")
    assert "unfinished" in found(audit([an_order()], [row], [JOB], FILES))


def test_a_keyed_request_submitted_twice_is_doubled() -> None:
    jobs = [JOB, {"prompt": "a cat", "id": "up-2"}]
    assert "doubled" in found(audit([an_order(asks=5)], [GOOD], jobs, FILES))


def test_two_jobs_for_one_keyed_request_are_doubled_even_if_one_was_never_sent() -> None:
    rows = [GOOD, Row("video_2", "a cat", "failed", None, "cancelled", None)]
    assert "doubled" in found(audit([an_order()], rows, [JOB], FILES))


@pytest.mark.parametrize(("asks", "expected"), [(1, {"doubled"}), (2, set())])
def test_a_bare_request_may_be_submitted_as_often_as_it_was_sent(
    asks: int, expected: set[str]
) -> None:
    rows = [GOOD, replace(GOOD, id="video_2", provider_id="up-2", sha256="bb")]
    jobs = [JOB, {"prompt": "a cat", "id": "up-2"}]
    order = an_order(Manner.BARE, asks)
    assert found(audit([order], rows, jobs, FILES | {"up-2": "bb"})) == expected


def test_an_accepted_job_that_no_video_knows_of_is_orphaned() -> None:
    jobs = [JOB, {"prompt": "a dog", "id": "up-9"}]
    assert found(audit([an_order()], [GOOD], jobs, FILES)) == {"orphaned"}


def test_a_failure_that_says_the_submit_may_have_been_accepted_excuses_one() -> None:
    row = Row("video_1", "a cat", "failed", None, "submission_unknown", None)
    order = an_order(outcome="submission_unknown")
    assert found(audit([order], [row], [JOB], {})) == set()


def test_an_honest_failure_that_excludes_acceptance_excuses_nothing() -> None:
    row = Row("video_1", "a cat", "failed", None, "rate_limited", None)
    order = an_order(outcome="rate_limited")
    assert found(audit([order], [row], [JOB], {})) == {"orphaned"}


def test_a_caller_who_was_told_something_else_is_contradicted() -> None:
    assert found(audit([an_order(outcome="upstream_failed")], [GOOD], [JOB], FILES)) == {
        "contradicted"
    }


def test_a_kept_file_that_differs_by_a_byte_is_damaged() -> None:
    assert found(audit([an_order()], [GOOD], [JOB], {"up-1": "ab"})) == {"damaged"}


def test_a_takeover_is_measured_from_the_kill_to_the_next_claim() -> None:
    claims = [
        Claim(1.0, "gateway-0", "video_1"),
        Claim(1.0, "gateway-1", "video_2"),
        Claim(1.0, "gateway-0", "video_3"),
        Claim(22.0, "gateway-1", "video_1"),
    ]
    ends = {"video_1": 30.0, "video_2": 30.0, "video_3": 5.0}
    assert takeovers_s([Death(10.0, "gateway-0")], claims, ends) == [12.0]
