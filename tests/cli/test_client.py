from __future__ import annotations

import pytest

from reelgate.cli.client import base_of
from reelgate.cli.exits import CliError, ExitCode, Refused


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://localhost:8000/v1/", "http://localhost:8000"),
        ("localhost:8000", "http://localhost:8000"),
        ("https://video.example.org/gate/", "https://video.example.org/gate"),
    ],
)
def test_an_address_is_taken_as_people_paste_it(given: str, base: str) -> None:
    assert base_of(given) == base


@pytest.mark.parametrize("given", ["ftp://example.org", "http://", "http://[::1", "http://h:99999"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(CliError, match="http://localhost:8000") as refused:
        base_of(given)
    assert refused.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("code", "exit_code", "advice"),
    [
        ("invalid_api_key", ExitCode.CREDENTIALS, "REELGATE_API_KEY"),
        ("overloaded", ExitCode.BUSY, "Try again in 7 s"),
        ("insufficient_credits", ExitCode.CREDITS, "Add credits"),
        ("something_new", ExitCode.FAILED, "a sentence"),
    ],
)
def test_a_refusal_says_what_to_do(code: str, exit_code: ExitCode, advice: str) -> None:
    body = {"detail": "a sentence", "error": {"code": code}}
    refused = Refused(503, body, "7")
    assert refused.exit_code is exit_code
    assert advice in refused.message


@pytest.mark.parametrize("body", [None, [], "oops", {"error": "text"}, {"errors": [1]}])
def test_an_error_of_any_shape_is_told_by_its_status(body: object) -> None:
    refused = Refused(502, body)
    assert refused.exit_code is ExitCode.GATEWAY
    assert "502" in refused.message
