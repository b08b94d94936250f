"""A real Chromium, driven over the Chrome DevTools Protocol.

https://chromedevtools.github.io/devtools-protocol/ describes the commands.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

Json = Any
"""What a script's value or a command's answer holds: the tests say what they expect of it."""

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Chromium's own sandbox does not start for root.
AS_ROOT = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
TIMEOUT_S = 60.0
PAUSE_S = 0.05


class Tab:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session = ""
        self._events: set[str] = set()

    async def open(self) -> None:
        """Open the tab."""
        made = await self._command("Target.createTarget", url="about:blank")
        attached = await self._command(
            "Target.attachToTarget", targetId=made["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self._command("Page.enable")

    async def go(self, url: str) -> None:
        """Show an address, and wait until its page has loaded."""
        gone = await self._command("Page.navigate", url=url)
        assert "errorText" not in gone, gone
        await self._event("Page.loadEventFired")

    async def leave(self, expression: str) -> None:
        """Run a script that leads to another page, and wait until that has loaded."""
        await self._command("Runtime.evaluate", expression=expression)
        await self._event("Page.loadEventFired")

    async def run(self, expression: str) -> Json:
        """The value of an expression in the page, or what its promise leads to."""
        answer = await self._command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def _command(self, method: str, **params: object) -> Json:
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._events.clear()
        await self._socket.send_json(message)
        while (answer := await self._receive()).get("id") != number:
            self._events.add(str(answer.get("method")))
        assert "error" not in answer, answer
        return answer["result"]

    async def _event(self, method: str) -> None:
        """Wait for an event, unless it came while the last command was answered."""
        while method not in self._events:
            self._events.add(str((await self._receive()).get("method")))

    async def _receive(self) -> dict[str, Json]:
        received: dict[str, Json] = await self._socket.receive_json(timeout=TIMEOUT_S)
        return received


@asynccontextmanager
async def a_tab(folder: Path, *options: str) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, whose profile lies in a folder."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM or "",
        *QUIET,
        *AS_ROOT,
        *options,
        f"--user-data-dir={folder}",
        "--remote-debugging-port=0",
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            address = await address_in(folder / "DevToolsActivePort")
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, max_msg_size=0) as socket,
        ):
            tab = Tab(socket)
            await tab.open()
            yield tab
    finally:
        process.kill()
        await process.wait()


async def address_in(file: Path) -> str:
    """Where the browser says that it listens, once it does."""
    while True:
        lines = await asyncio.to_thread(lines_of, file)
        if len(lines) > 1:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        await asyncio.sleep(PAUSE_S)


def lines_of(file: Path) -> list[str]:
    """The lines of a file that may not be there yet."""
    return file.read_text().split() if file.exists() else []
