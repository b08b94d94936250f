"""Every error as a response, and as the answer to whoever waits for a failed job."""

from __future__ import annotations

import inspect
from http import HTTPStatus

import pytest

from reelgate import errors
from reelgate.errors import (
    JOB_ERRORS,
    InvalidRequest,
    Problem,
    ReelgateError,
    UpstreamError,
    job_error,
)
from reelgate.http.errors import body_of, error_response


def classes() -> list[type[ReelgateError]]:
    found = [thing for _, thing in inspect.getmembers(errors, inspect.isclass)]
    return [thing for thing in found if issubclass(thing, ReelgateError)]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_every_error_has_the_one_body(kind: type[ReelgateError]) -> None:
    body = body_of(kind())
    assert set(body) == {"type", "title", "status", "detail", "error"}
    assert body["status"] == kind.status
    assert body["title"] == HTTPStatus(kind.status).phrase
    assert body["detail"] == body["error"]["message"]
    assert body["detail"].strip()
    assert set(body["error"]) == {"message", "type", "code", "param"}
    assert body["error"]["code"] == kind.code
    response = error_response(kind())
    assert response.status_code == kind.status
    assert response.media_type == "application/problem+json"
    assert "retry-after" not in response.headers


def test_a_time_to_come_back_is_a_whole_number_of_seconds() -> None:
    assert error_response(ReelgateError(retry_after_s=0.2)).headers["Retry-After"] == "1"
    assert error_response(ReelgateError(retry_after_s=30.0)).headers["Retry-After"] == "30"


def test_problems_are_listed_with_what_is_allowed() -> None:
    problems = (Problem("a", "a is wrong", "x" * 500, ("y", 1)), Problem("b", "b is missing"))
    body = body_of(InvalidRequest(problems=problems))
    assert body["detail"] == "a is wrong; b is missing"
    assert body["error"]["param"] == "a"
    first, second = body["errors"]
    assert first["allowed"] == ["y", 1]
    assert len(first["value"]) < 100
    assert second == {"param": "b", "message": "b is missing"}


@pytest.mark.parametrize("code", JOB_ERRORS)
def test_a_stored_code_answers_as_the_error_that_it_was(code: str) -> None:
    error = job_error(code, "so it was", retry_after_s=3)
    assert (error.code, error.message, error.retry_after_s) == (code, "so it was", 3)


def test_a_code_that_nobody_knows_any_more_is_the_upstream_s() -> None:
    assert type(job_error("gone", "so it was")) is UpstreamError


def test_every_upstream_error_can_be_the_end_of_a_job() -> None:
    for kind in classes():
        if issubclass(kind, UpstreamError):
            assert job_error(kind.code, "").status == kind.status
