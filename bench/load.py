"""Callers on plain sockets: cheap enough that thousands of them do not distort."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BLOCKING_PATH = "/v1/imagine-text-to-video/generations"
READ_BYTES = 4096
LOOPBACKS = tuple(f"127.0.0.{last}" for last in range(1, 9))
"""Source addresses: one of them has about 28,000 ports towards one server."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one caller got: Unix seconds when it asked and was answered; status 0 is no answer."""

    asked_at: float
    answered_at: float
    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def post(url: str, path: str, body: dict[str, Any], headers: str = "") -> bytes:
    """The bytes of a POST request with a JSON body."""
    host, data = urlsplit(url).netloc, json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n{headers}\r\n{data}"
    ).encode()


def get(url: str, path: str) -> bytes:
    """The bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()


async def call(url: str, request: bytes, nth: int = 0) -> Reply:
    """One caller on a connection of its own."""
    asked_at = time.time()
    status, body = 0, b""
    try:
        connection = await Connection.open(url, nth)
        try:
            status, body = await connection.ask(request)
        finally:
            connection.close()
    except (OSError, EOFError, ValueError) as error:
        body = repr(error).encode()
    return Reply(asked_at, time.time(), status, body)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection that stays."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, url: str, nth: int = 0) -> Connection:
        """Connect, from one of several loopback addresses."""
        parts = urlsplit(url)
        source = (LOOPBACKS[nth % len(LOOPBACKS)], 0)
        return cls(
            *await asyncio.open_connection(
                parts.hostname, parts.port, local_addr=source, limit=READ_BYTES
            )
        )

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer: status and body.

        Raises:
            OSError, EOFError, ValueError: there is no whole answer.
        """
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.lower().split(b"\r\n")
        length = next(int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length"))
        return int(first.split()[1]), await self.reader.readexactly(length)

    def close(self) -> None:
        self.writer.close()


async def spread(
    count: int, over_s: float, one: Callable[[int], Awaitable[Reply]]
) -> Sequence[Reply]:
    """Let so many callers arrive evenly over a time, and wait for them all."""
    began = time.monotonic()
    calls = []
    for nth in range(count):
        due_s = over_s * nth / count - (time.monotonic() - began)
        if due_s > 0:
            await asyncio.sleep(due_s)
        calls.append(asyncio.ensure_future(one(nth)))
        if nth % 50 == 0:
            await asyncio.sleep(0)
    return await asyncio.gather(*calls)


async def hammer(url: str, requests: Sequence[bytes], lines: int) -> tuple[float, int]:
    """Send requests over so many kept connections; returns seconds and how many went well."""
    pending = iter(requests)
    well = 0

    async def work(nth: int) -> None:
        nonlocal well
        connection = await Connection.open(url, nth)
        try:
            for request in pending:
                status, _ = await connection.ask(request)
                well += 200 <= status < 300
        finally:
            connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(work(nth) for nth in range(lines)))
    return time.perf_counter() - began, well
