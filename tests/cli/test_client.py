from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from reelgate.cli.client import Client, RemoteVideo, base_of, connect
from reelgate.cli.exits import CliError, ExitCode, Refused
from tests.http_servers import serving

REQUEST = {"prompt": "a lamp"}
KEY = "a-key-of-one-command"


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


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, _: client.create(REQUEST, KEY),
        lambda client, _: client.change("edits", REQUEST, None, KEY),
        lambda client, file: client.change("edits", REQUEST, file, KEY),
    ],
    ids=["create", "change", "change a file"],
)
async def test_a_video_whose_answer_is_lost_is_asked_for_again_with_the_same_key(
    ask: Callable[[Client, Path], Awaitable[RemoteVideo]], tmp_path: Path
) -> None:
    file = tmp_path / "lamp.mp4"
    file.write_bytes(b"a film")
    asked: list[tuple[str, bool]] = []

    async def lose_the_first(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        is_whole = b"a lamp" in body and (b"a film" in body) == (b"form-data" in body)
        asked.append((request.headers["Idempotency-Key"], is_whole))
        if len(asked) == 1 and request.transport is not None:
            request.transport.abort()
        return web.json_response({"id": "video_1", "status": "queued"})

    async with serving(lose_the_first) as url, connect(url, None) as client:
        assert (await ask(client, file)).id == "video_1"
    assert asked == [(KEY, True), (KEY, True)]
