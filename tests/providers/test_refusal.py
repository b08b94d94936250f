from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from reelgate.errors import (
    InsufficientCredits,
    ModerationBlocked,
    RateLimited,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamFault,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from reelgate.net.client import HttpResponse
from reelgate.providers.errors import MAX_RETRY_AFTER_S, retry_after_s
from reelgate.providers.imagine.wire import refusal
from tests.providers.imagine_account import NOW_S


def an_answer(status: int, body: object = "", **headers: str) -> HttpResponse:
    text = body if isinstance(body, str) else json.dumps(body)
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, CIMultiDict(dashed), text.encode(), NOW_S)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, UpstreamBadResponse),
        (400, UpstreamError),
        (401, UpstreamUnauthorized),
        (402, InsufficientCredits),
        (403, UpstreamUnauthorized),
        (404, UpstreamError),
        (408, UpstreamFault),
        (409, UpstreamError),
        (413, UpstreamError),
        (415, UpstreamError),
        (418, UpstreamError),
        (422, UpstreamError),
        (429, RateLimited),
        (500, UpstreamFault),
        (502, UpstreamFault),
        (503, UpstreamUnavailable),
        (504, UpstreamFault),
        (520, UpstreamFault),
        (524, UpstreamFault),
    ],
)
def test_a_status_decides_what_an_error_is(status: int, kind: type[UpstreamError]) -> None:
    error = refusal(an_answer(status, {"message": "content policy"} if status > 422 else ""))
    assert type(error) is kind
    assert error.message.endswith(".")


def test_a_dead_token_names_the_variable_to_renew() -> None:
    assert "IMAGINE_TOKEN" in refusal(an_answer(401)).message


@pytest.mark.parametrize("status", [400, 403, 404])
def test_somebody_elses_parent_names_the_variable_to_change(status: int) -> None:
    body = {"message": "User does not have access to parent asset"}
    error = refusal(an_answer(status, body))
    assert type(error) is UpstreamError
    assert error.surely_refused
    assert "IMAGINE_PARENT_ID" in error.message


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Your prompt was flagged by moderation"},
        {"error": {"code": "CONTENT_POLICY_VIOLATION", "message": "no"}},
        {"error": "NSFW content"},
        {"detail": "violates our community guidelines"},
        "Blocked by the safety filter",
    ],
)
def test_moderation_is_known_by_clear_words(body: object) -> None:
    for status in (400, 403, 422):
        error = refusal(an_answer(status, body, Content_Type="application/json"))
        assert type(error) is ModerationBlocked


@pytest.mark.parametrize(
    "body",
    [
        {"message": "invalid duration", "prompt": "a talk on moderation"},
        {"message": "moderate your speed"},
        {"message": ["moderation"]},
        ["moderation"],
        "",
    ],
)
def test_other_words_are_not_moderation(body: object) -> None:
    assert type(refusal(an_answer(422, body))) is UpstreamError


def test_a_web_page_is_not_searched_for_moderation() -> None:
    page = an_answer(403, "<html>community guidelines</html>", Content_Type="text/html")
    assert type(refusal(page)) is UpstreamUnauthorized


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry_After": "2"}, 2.0),
        ({"Retry_After": " 2.5 "}, 2.5),
        ({"Retry_After": "0"}, 0.0),
        ({"Retry_After": "-1"}, None),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "nan"}, None),
        ({"Retry_After": "inf"}, None),
        ({"Retry_After": "²"}, None),
        ({"Retry_After": "999999999999"}, MAX_RETRY_AFTER_S),
        ({"Retry_After": "Fri, 15 Jan 2027 08:00:10 GMT"}, 10.0),
        ({"Retry_After": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
        ({"Retry_After": "Fri, 15 Jan 2037 07:00:00 GMT"}, MAX_RETRY_AFTER_S),
        # The upstream's clock is a minute behind ours: its own Date counts.
        (
            {
                "Retry_After": "Fri, 15 Jan 2027 07:59:30 GMT",
                "Date": "Fri, 15 Jan 2027 07:59:00 GMT",
            },
            30.0,
        ),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(an_answer(429, **headers)) == expected
    assert refusal(an_answer(429, **headers)).retry_after_s == expected


def test_a_refusal_for_good_promises_no_later_success() -> None:
    assert refusal(an_answer(400, Retry_After="3")).retry_after_s is None
    assert refusal(an_answer(503, Retry_After="3")).retry_after_s == 3.0


@given(st.text(max_size=80))
def test_any_retry_after_is_none_or_within_bounds(value: str) -> None:
    wait_s = retry_after_s(an_answer(429, Retry_After=value))
    assert wait_s is None or 0 <= wait_s <= MAX_RETRY_AFTER_S


@given(st.integers(100, 599), st.binary(max_size=300))
def test_any_answer_becomes_an_error_and_its_body_stays_out_of_the_message(
    status: int, body: bytes
) -> None:
    marked = b"account-of-somebody " + body
    error = refusal(HttpResponse(status, CIMultiDict(), marked, NOW_S))
    assert isinstance(error, UpstreamError)
    assert "account-of-somebody" not in error.message
    assert error.upstream is not None
    assert "account-of-somebody" in error.upstream
