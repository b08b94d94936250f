"""Receives the redirect that ends a sign-in: a page on this machine, for one browser, once."""

from __future__ import annotations

import asyncio
import html
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from reelgate.errors import ReelgateError

PATH = "/callback"
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Reelgate</title></head>'
    "<body><main><h1>{title}</h1><p>{text}</p></main></body></html>"
)
DONE = "You may close this page and go back to the terminal."


class Redirects:
    """The redirect that is waited for.

    Attributes:
        uri: where the browser is to be sent.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._code_in: Callable[[str], str] | None = None
        self._code: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def code(
        self, code_in: Callable[[str], str], on_wrong: Callable[[str], None], timeout_s: float
    ) -> str:
        """The code of the first redirect that belongs to this sign-in.

        Args:
            code_in: reads it out of the address, or raises.
            on_wrong: told of each redirect that does not belong here; the wait goes on.
            timeout_s: how long to wait.

        Raises:
            TimeoutError: none came.
        """
        self._code_in, self._on_wrong = code_in, on_wrong
        async with asyncio.timeout(timeout_s):
            return await self._code

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take a redirect."""
        if request.path != PATH or request.method != "GET" or self._code_in is None:
            return page(404, "Nothing is here", "This page only ends a sign-in of Reelgate.")
        try:
            code = self._code_in(str(request.url))
        except ReelgateError as error:
            self._on_wrong(error.message)
            return page(400, "This did not sign you in", error.message)
        if not self._code.done():
            self._code.set_result(code)
        return page(200, "Signed in", DONE)


def page(status: int, title: str, text: str) -> web.Response:
    """A page that keeps its address, which holds a code, to itself."""
    return web.Response(
        status=status,
        text=PAGE.format(title=html.escape(title), text=html.escape(text)),
        content_type="text/html",
        headers={"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"},
    )


@asynccontextmanager
async def listening() -> AsyncIterator[Redirects]:
    """Listen on a free port of this machine (RFC 8252, 7.3)."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        redirects = Redirects(f"http://127.0.0.1:{own.getsockname()[1]}{PATH}")
        runner = web.ServerRunner(
            web.Server(redirects.answer, access_log=None), shutdown_timeout=1.0
        )
        await runner.setup()
        try:
            await web.SockSite(runner, own).start()
            yield redirects
        finally:
            await runner.cleanup()


def free_address() -> str:
    """A redirect address on this machine at which nobody listens: its page is pasted."""
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{own.getsockname()[1]}{PATH}"
