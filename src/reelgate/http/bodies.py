"""Request bodies: decompressed, and limited in size, time and memory."""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Self

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from reelgate.errors import (
    MalformedRequest,
    Overloaded,
    RequestTimeout,
    RequestTooLarge,
    UnsupportedMedia,
    brief,
)
from reelgate.http.connections import connection_of
from reelgate.http.parsing import MULTIPART, media_type_of

GZIP = zlib.MAX_WBITS | 16
ZLIB = zlib.MAX_WBITS
WINDOWS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}
"""The supported codings, with zlib's `wbits` of each."""
PIECE_BYTES = 64 * 1024


def plain(receive: Receive, headers: Headers, limit_bytes: int) -> Receive:
    """A `receive` that returns the decompressed body.

    It raises UnsupportedMedia for another coding, MalformedRequest where the body is not so coded,
    and RequestTooLarge where it is larger than the limit, compressed or not.
    """
    coding = ", ".join(headers.getlist("content-encoding")).strip().lower()
    return receive if coding in {"", "identity"} else unpacked(receive, coding, limit_bytes)


def unpacked(receive: Receive, coding: str, limit_bytes: int) -> Receive:
    """A `receive` that decompresses, once there is something to decompress."""
    content: Content | None = None

    async def next_piece() -> Message:
        nonlocal content
        message = await receive()
        if message["type"] != "http.request":
            return message
        data, more = message.get("body", b""), message.get("more_body", False)
        if content is None and (data or more):
            content = Content(coding, limit_bytes)
        if content is not None:
            data = b"".join(content.read(data))
            if not more:
                content.end()
        return {"type": "http.request", "body": data, "more_body": more}

    return next_piece


class Content:
    """Decompresses a body chunk by chunk."""

    def __init__(self, coding: str, limit_bytes: int) -> None:
        """`limit_bytes` limits the body both before and after decompression.

        Raises:
            UnsupportedMedia: the coding is not supported.
        """
        if coding not in WINDOWS:
            message = (
                f"Content-Encoding {brief(coding)} is not read here: "
                "send the body plain, or as gzip or deflate"
            )
            raise UnsupportedMedia(message)
        self._coding = coding
        self._limit_bytes = limit_bytes
        self._packed_bytes = 0
        self._left_bytes = limit_bytes
        self._began = False
        self._stream = zlib.decompressobj(WINDOWS[coding])

    def read(self, data: bytes) -> Iterator[bytes]:
        """The content of the next bytes, which may begin another member (RFC 1952, 2.2).

        Raises:
            MalformedRequest: they are not so coded.
            RequestTooLarge: the content goes on beyond the limit.
        """
        self._packed_bytes += len(data)
        if self._packed_bytes > self._limit_bytes:
            raise self._too_large()
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(WINDOWS[self._coding])
            self._began = True
            yield self._piece(data)
            data = self._stream.unconsumed_tail or self._stream.unused_data

    def _piece(self, data: bytes) -> bytes:
        try:
            piece = self._stream.decompress(data, min(PIECE_BYTES, self._left_bytes + 1))
        except zlib.error as error:
            raise self._broken() from error
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise self._too_large()
        return piece

    def end(self) -> None:
        """There are no more bytes.

        Raises:
            MalformedRequest: the content breaks off.
        """
        if self._began and not self._stream.eof:
            raise self._broken()

    def _too_large(self) -> RequestTooLarge:
        message = f"the body is larger than the {self._limit_bytes} bytes allowed, also unpacked"
        return RequestTooLarge(message)

    def _broken(self) -> MalformedRequest:
        return MalformedRequest(
            f"the body is not what its Content-Encoding says: broken or unfinished {self._coding}"
        )


TAKES_FORMS = "/v1/videos"
"""The prefix of the paths that take a form, with a picture in it."""
METHODS = frozenset({"POST", "PUT", "PATCH"})
"""The methods whose body is read."""
LEAST_BYTES_PER_S = 500
"""A body that comes faster may take longer than its time-out (as Apache's mod_reqtimeout)."""
COME_BACK_S = 5.0
BROKEN_OFF = "the connection broke before the whole body was there"


class Bodies:
    """The memory of all bodies together, and the limits of one."""

    def __init__(
        self, *, max_json_bytes: int, max_form_bytes: int, max_total_bytes: int, timeout_s: float
    ) -> None:
        """`timeout_s`: how long a body may take that comes at less than 500 bytes a second."""
        self.max_json_bytes = max_json_bytes
        self.max_form_bytes = max_form_bytes
        self.timeout_s = timeout_s
        self._max_total_bytes = max_total_bytes
        self._held_bytes = 0
        self._by_owner: defaultdict[str, int] = defaultdict(int)

    def open(self, owner: str) -> Body:
        """A body of this owner, to be entered; its memory is released at the end."""
        return Body(self, owner)

    def hold(self, body: Body, size_bytes: int) -> None:
        """Reserve memory for a body.

        Raises:
            Overloaded: all together, or its owner's, would hold too much.
        """
        more = size_bytes - body.held_bytes
        # One key leaves half of it to the others.
        share = self._max_total_bytes // 2 if body.owner else self._max_total_bytes
        if (
            self._held_bytes + more > self._max_total_bytes
            or self._by_owner[body.owner] + more > share
        ):
            message = "the gateway has as many requests' bodies in memory as it takes"
            raise Overloaded(message, retry_after_s=COME_BACK_S)
        self._take(body.owner, more)
        body.held_bytes = size_bytes

    def release(self, body: Body) -> None:
        """Hold nothing more of a body."""
        self._take(body.owner, -body.held_bytes)
        if not self._by_owner[body.owner]:
            del self._by_owner[body.owner]

    def _take(self, owner: str, size_bytes: int) -> None:
        self._held_bytes += size_bytes
        self._by_owner[owner] += size_bytes


class Body:
    """One request's body; `whole` once it has been read, which a form is not."""

    __slots__ = ("_bodies", "held_bytes", "owner", "whole")

    def __init__(self, bodies: Bodies, owner: str) -> None:
        self._bodies = bodies
        self.owner = owner
        self.held_bytes = 0
        self.whole: bytes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bodies.release(self)

    async def checked(self, request: Request) -> Receive:
        """A `receive` of the checked body: JSON is read already, a form is streamed.

        Raises:
            RequestTooLarge, UnsupportedMedia, RequestTimeout, Overloaded: it is refused.
        """
        headers = request.headers
        is_form = media_type_of(headers) == MULTIPART and request.scope["path"].startswith(
            TAKES_FORMS
        )
        limit = self._bodies.max_form_bytes if is_form else self._bodies.max_json_bytes
        check_length(headers, limit)
        # Of a form's file no more is in memory; the rest of it lies in a temporary file.
        in_memory = MultiPartParser.spool_max_size if is_form else limit
        in_time = plain(self._in_time(request), headers, limit)
        receive = self._limited(in_time, limit, in_memory)
        if is_form:
            return receive
        self.whole = await read(receive)
        return replay(self.whole, request.receive)

    def _in_time(self, request: Request) -> Receive:
        """The request's `receive`, with the body's timeout."""
        connection = connection_of(request.scope)
        if connection is not None and connection.is_complete:
            # The usual case: it has come with the head.
            return request.receive
        began_s = asyncio.get_running_loop().time()
        size = 0

        async def timely() -> Message:
            nonlocal size
            if connection is not None and connection.is_complete:
                return await request.receive()
            ends_at_s = began_s + self._bodies.timeout_s + size / LEAST_BYTES_PER_S
            try:
                async with asyncio.timeout_at(ends_at_s):
                    message = await request.receive()
            except TimeoutError as error:
                raise RequestTimeout from error
            size += len(message.get("body", b""))
            return message

        return timely

    def _limited(self, receive: Receive, limit: int, in_memory: int) -> Receive:
        """A `receive` that enforces the limits, whatever Content-Length says."""
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.disconnect":
                raise MalformedRequest(BROKEN_OFF)
            size += len(message.get("body", b""))
            if size > limit:
                raise too_large(limit)
            self._bodies.hold(self, min(size, in_memory))
            return message

        return counted


def check_length(headers: Headers, limit: int) -> None:
    """Refuse a body by its Content-Length."""
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)


async def read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"the body is larger than the {limit} bytes allowed")


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns a body that was read already."""
    pending = True

    async def again() -> Message:
        nonlocal pending
        if pending:
            pending = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
