"""What cannot be accepted is refused with a clear error, before anything is sent or paid."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.gateway import GENERATIONS, Gateway, Reply, a_prompt

RATIOS = ["16:9", "9:16", "4:3", "1:1"]
SECONDS = [5, 6, 12]
RESOLUTIONS = ["720p", "1080p"]
MEGABYTE = b" " * 1_000_000
JSON_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Refused:
    """One field of a request that the model does not take."""

    name: str
    field: str
    value: object
    allowed: list[Any] | None = None
    model: str = "imagine-text-to-video"


WRONG_VALUES = (
    Refused("an empty prompt", "prompt", ""),
    Refused("a prompt of blanks", "prompt", " \n\t "),
    Refused("a prompt of 2,001 characters", "prompt", "x" * 2001),
    Refused("a prompt with half a character", "prompt", "a cat \ud83c"),
    Refused("a prompt that is a number", "prompt", 5),
    Refused("a prompt that is null", "prompt", None),
    Refused("a prompt that is a list", "prompt", ["a cat"]),
    Refused("a ratio of 3:2", "aspect_ratio", "3:2", RATIOS),
    Refused("an empty ratio", "aspect_ratio", "", RATIOS),
    Refused("a ratio that is a number", "aspect_ratio", 1.78, RATIOS),
    Refused("a long ratio", "aspect_ratio", "9" * 5000, RATIOS),
    Refused("a ratio that is an object", "aspect_ratio", {"16": 9}, RATIOS),
    Refused("a ratio of half a character", "aspect_ratio", "\ud83c", RATIOS),
    Refused("7 seconds", "duration", 7, SECONDS),
    Refused("0 seconds", "duration", 0, SECONDS),
    Refused("-5 seconds", "duration", -5, SECONDS),
    Refused("5.5 seconds", "duration", 5.5, SECONDS),
    Refused("7 seconds as text", "duration", "7", SECONDS),
    Refused("seconds in words", "duration", "five", SECONDS),
    Refused("seconds as true", "duration", True, SECONDS),
    Refused("seconds as a list", "duration", [5], SECONDS),
    Refused("seconds beyond 64 bits", "duration", 2**64, SECONDS),
    Refused("auto seconds where the model has none", "duration", "auto", SECONDS),
    Refused("a resolution of 4k", "resolution", "4k", RESOLUTIONS),
    Refused("a resolution that is a number", "resolution", 720, RESOLUTIONS),
    Refused("a style that is text", "style_id", "pixar"),
    Refused("a style beyond 64 bits", "style_id", 2**63),
    Refused("a style of endless digits", "style_id", "9" * 5000),
    Refused("a style that is true", "style_id", True),
    Refused("a style that is a fraction", "style_id", 1.5),
    Refused("an enhancement that is text", "is_enhance", "true", [True, False]),
    Refused("an enhancement that is 1", "is_enhance", 1, [True, False]),
    Refused("an unknown field", "colour", 42),
    Refused("a field that only our own code knows", "reference_url", "http://127.0.0.1/"),
    Refused("4 s for kling-2.6-pro", "duration", 4, [5, 10], "kling-2.6-pro"),
    Refused("4:3 for veo-3.1", "aspect_ratio", "4:3", ["16:9", "9:16"], "veo-3.1"),
    Refused("a resolution for kling-o3", "resolution", "720p", [], "kling-o3"),
    Refused("a style for veo-3.1", "style_id", 1, [], "veo-3.1"),
    Refused("an enhancement for veo-3.1", "is_enhance", False, [], "veo-3.1"),
    Refused("seconds for wan-2.2", "duration", 5, [], "imagine/wan-2.2"),
)


@pytest.fixture
async def upstream_unseen(gateway: Gateway) -> AsyncIterator[Gateway]:
    """A gateway none of whose requests may reach the upstream, or leave a job behind."""
    before = await gateway.requests()
    yield gateway
    assert await gateway.requests() == before
    assert (await gateway.call("GET", "/health")).body["jobs_open"] == 0


def is_problem(reply: Reply, status: int, code: str = "invalid_request") -> bool:
    """Whether an answer has the one shape of all errors."""
    body = reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == reply.status
    assert body["detail"] == body["error"]["message"]
    return (reply.status, reply.code) == (status, code)


async def test_a_wrong_value_is_refused_by_its_name(upstream_unseen: Gateway) -> None:
    for case in WRONG_VALUES:
        body = {"prompt": a_prompt(), case.field: case.value}
        path = f"/v1/{case.model}/generations"
        reply = await upstream_unseen.call("POST", path, json=body)
        assert is_problem(reply, 422), (case.name, reply)
        assert reply.body["error"]["type"] == "invalid_request_error"
        assert reply.body["error"]["param"] == case.field, case.name
        [problem] = reply.body["errors"]
        assert problem["param"] == case.field
        assert problem.get("allowed") == case.allowed, case.name
        for choice in case.allowed or []:
            assert str(choice).lower() in reply.body["detail"]
        assert len(reply.text) < 1500, case.name


async def test_a_field_that_no_text_can_hold_is_refused_too(upstream_unseen: Gateway) -> None:
    body = {"prompt": a_prompt(), "\ud83c": 42}
    reply = await upstream_unseen.call("POST", GENERATIONS, json=body)
    assert is_problem(reply, 422)


async def test_every_wrong_field_is_named_at_once(upstream_unseen: Gateway) -> None:
    body = {"prompt": "", "aspect_ratio": "3:2", "duration": 7, "resolution": "4k"}
    reply = await upstream_unseen.call("POST", GENERATIONS, json=body)
    assert is_problem(reply, 422)
    assert [problem["param"] for problem in reply.body["errors"]] == list(body)


async def test_a_missing_prompt_is_named(upstream_unseen: Gateway) -> None:
    reply = await upstream_unseen.call("POST", GENERATIONS, json={"duration": 5})
    assert is_problem(reply, 422)
    assert reply.body["error"]["param"] == "prompt"


async def test_a_long_wrong_value_is_not_sent_back_whole(upstream_unseen: Gateway) -> None:
    reply = await upstream_unseen.call("POST", GENERATIONS, json={"prompt": "x" * 500_000})
    assert is_problem(reply, 422)
    assert len(reply.text) < 1000


@pytest.mark.parametrize(
    "body",
    [
        b'{"prompt": "a cat"',
        b"{'prompt': 'a cat'}",
        b"prompt=a cat",
        b'{"prompt": "a \xff cat"}',
        b"[" * 100_000,
        b'{"prompt": "a cat", "style_id": ' + b"9" * 5000 + b"}",
        b"",
    ],
    ids=["cut off", "single quotes", "no JSON", "no UTF-8", "too deep", "too long", "nothing"],
)
async def test_a_body_that_cannot_be_read_is_malformed(
    upstream_unseen: Gateway, body: bytes
) -> None:
    reply = await upstream_unseen.call("POST", GENERATIONS, data=body, headers=JSON_TYPE)
    assert is_problem(reply, 400)


@pytest.mark.parametrize("body", [b"[]", b'["a cat"]', b'"a cat"', b"null", b"5"])
async def test_a_body_that_is_no_object_is_refused(upstream_unseen: Gateway, body: bytes) -> None:
    reply = await upstream_unseen.call("POST", GENERATIONS, data=body, headers=JSON_TYPE)
    assert is_problem(reply, 422)
    assert reply.body["error"]["param"] == "body"


async def test_10_megabytes_are_refused_before_they_are_read(upstream_unseen: Gateway) -> None:
    reply = await upstream_unseen.call(
        "POST", GENERATIONS, data=io.BytesIO(MEGABYTE * 10), headers=JSON_TYPE
    )
    assert is_problem(reply, 413, "request_too_large")
    assert "1000000" in reply.body["detail"]


async def test_10_megabytes_in_chunks_are_refused_too(upstream_unseen: Gateway) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield MEGABYTE

    reply = await upstream_unseen.call("POST", GENERATIONS, data=chunks(), headers=JSON_TYPE)
    assert is_problem(reply, 413, "request_too_large")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", ""],
)
async def test_a_body_of_another_type_is_not_read(
    upstream_unseen: Gateway, content_type: str
) -> None:
    body = json.dumps({"prompt": "a cat"}).encode()
    reply = await upstream_unseen.call(
        "POST",
        GENERATIONS,
        data=body,
        headers={"Content-Type": content_type} if content_type else None,
        skip_auto_headers=["Content-Type"],
    )
    assert is_problem(reply, 415, "unsupported_media")
    assert "application/json" in reply.body["detail"]


async def test_10_megabytes_of_a_form_are_not_read_either(upstream_unseen: Gateway) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    reply = await upstream_unseen.call(
        "POST", GENERATIONS, data=io.BytesIO(MEGABYTE * 10), headers=headers
    )
    assert is_problem(reply, 413, "request_too_large")


async def test_json_with_parameters_or_a_suffix_is_json(gateway: Gateway) -> None:
    for content_type in ("application/json; charset=utf-8", "application/vnd.api+json"):
        body = json.dumps({"prompt": a_prompt("[[402]]")}).encode()
        reply = await gateway.call(
            "POST", GENERATIONS, data=body, headers={"Content-Type": content_type}
        )
        assert reply.code == "insufficient_credits", content_type


async def test_an_unknown_model_is_named_beside_those_that_exist(
    upstream_unseen: Gateway,
) -> None:
    body = {"prompt": a_prompt()}
    reply = await upstream_unseen.call("POST", "/v1/sora-9/generations", json=body)
    assert is_problem(reply, 404, "model_not_found")
    assert reply.body["error"]["param"] == "model"
    assert "sora-9" in reply.body["detail"]
    assert "imagine-text-to-video" in reply.body["detail"]


async def test_an_unknown_address_and_a_wrong_method_are_told_apart(
    upstream_unseen: Gateway,
) -> None:
    nowhere = await upstream_unseen.call("GET", "/v1/nowhere")
    assert is_problem(nowhere, 404, "not_found")
    wrong = await upstream_unseen.call("GET", GENERATIONS)
    assert is_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"


async def test_a_prompt_of_2000_characters_is_taken(gateway: Gateway) -> None:
    reply = await gateway.generate(a_prompt("[[402]]").ljust(2000, "é"))
    assert reply.code == "insufficient_credits"
