"""What a deferred response raises is answered like what a route raises."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from reelgate.errors import StorageFailed
from reelgate.http.middleware import DeferredResponses
from reelgate.http.proxies import TrustedProxies
from reelgate.http.streaming import DeferredResponse
from reelgate.telemetry.telemetry import Telemetry

ORIGIN = "https://studio.example"


class Says(DeferredResponse):
    """Does what it was told when its turn comes."""

    def __init__(self, act: Callable[[Scope, Receive, Send], Any]) -> None:
        super().__init__()
        self._act = act

    async def respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._act(scope, receive, send)


async def answered(act: Callable[[Scope, Receive, Send], Any]) -> list[Message]:
    """What goes out when a route's answer does this."""
    framework = FastAPI()
    framework.add_middleware(CORSMiddleware, allow_origins=[ORIGIN])
    framework.get("/film", response_model=None)(lambda: Says(act))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/film",
        "raw_path": b"/film",
        "query_string": b"",
        "headers": [(b"origin", ORIGIN.encode())],
    }
    await DeferredResponses(framework, Telemetry(), TrustedProxies())(scope, receive, send)
    return sent


async def test_a_put_off_answer_is_sent_once_and_passes_the_middleware() -> None:
    start, body = await answered(JSONResponse({"film": 1}))
    assert start["status"] == 200
    assert (b"access-control-allow-origin", ORIGIN.encode()) in start["headers"]
    assert json.loads(body["body"]) == {"film": 1}


async def test_an_error_of_ours_is_answered_as_a_problem() -> None:
    async def fails(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise StorageFailed("the disk is full")

    start, body = await answered(fails)
    assert start["status"] == StorageFailed.status
    assert (b"access-control-allow-origin", ORIGIN.encode()) in start["headers"]
    assert json.loads(body["body"])["error"]["code"] == StorageFailed.code


async def test_a_mistake_is_answered_as_ours_and_tells_nothing() -> None:
    async def slips(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise KeyError("secret")

    start, body = await answered(slips)
    assert start["status"] == 500
    assert b"secret" not in body["body"]


async def test_a_mistake_after_the_head_cuts_the_answer_off() -> None:
    async def breaks(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("secret")

    with pytest.raises(KeyError):
        await answered(breaks)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_that_no_more_files_may_be_open_is_told_as_what_passes(number: int) -> None:
    async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise OSError(number, os.strerror(number))

    start, body = await answered(fail)
    assert start["status"] == 503
    assert (b"retry-after", b"5") in start["headers"]
    assert json.loads(body["body"])["error"]["code"] == "overloaded"
