"""No secret leaves by way of an error, a repr or a log of either."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest
from aiohttp import web

from reelgate.errors import UpstreamError
from reelgate.net.client import HttpClient
from reelgate.providers.imagine.adapter import ImagineWeb
from tests.http_servers import serving, serving_bytes
from tests.providers.imagine_account import TOKEN, a_request, a_token, an_imagine

TOKENS = [TOKEN, "sixteen-letters!", a_token(exp=1)]
Upstream = Callable[[], AbstractAsyncContextManager[str]]


def echoing(status: int) -> Upstream:
    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        text = "\n".join(
            [*lines, *(value.removeprefix("Bearer ") for value in request.headers.values())]
        )
        return web.Response(status=status, text=text, headers={"X-Echo": "".join(lines)})

    return lambda: serving(echo)


def saying(raw: bytes) -> Upstream:
    return lambda: serving_bytes(raw)


UPSTREAMS: dict[str, Upstream] = {
    **{
        f"echo-{status}": echoing(status)
        for status in (200, 302, 400, 401, 402, 403, 429, 500, 503)
    },
    "hangs-up": saying(b""),
    "cut-off": saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
    "not-http": saying(b"220 mail.example.com ESMTP\r\n\r\n"),
    "bad-header": saying(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
}


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and everything it came from."""
    if error is not None:
        yield error
        yield from chain(error.__cause__)
        if error.__context__ is not error.__cause__:
            yield from chain(error.__context__)


def everything_said(error: BaseException) -> str:
    """All that a log could make of an error: texts, reprs, arguments, attributes, traceback."""
    said = ["".join(traceback.format_exception(error))]
    for each in chain(error):
        said += [str(each), repr(each), repr(each.args), repr(vars(each))]
    return "\n".join(said)


async def submit(imagine: ImagineWeb) -> None:
    await imagine.submit(a_request())


async def poll(imagine: ImagineWeb) -> None:
    await imagine.watch("id-1").poll()


@pytest.mark.parametrize("token", TOKENS, ids=["jwt", "opaque", "dead"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
async def test_no_error_holds_the_token(http: HttpClient, upstream: str, token: str) -> None:
    async with UPSTREAMS[upstream]() as url:
        imagine = an_imagine(http, url, token)
        errors = [await error_of(act(imagine)) for act in (submit, poll)]
    assert errors[0] is not None
    for error in filter(None, errors):
        said = everything_said(error)
        assert token not in said
        assert token.rsplit(".", maxsplit=1)[-1] not in said


async def error_of(act: Awaitable[None]) -> UpstreamError | None:
    try:
        await act
    except UpstreamError as error:
        return error
    return None


def test_no_repr_holds_the_token(http: HttpClient) -> None:
    imagine = an_imagine(http, "http://localhost")
    for part in (imagine, imagine.watch("id-1"), *vars(imagine).values()):
        assert TOKEN not in repr(part)
