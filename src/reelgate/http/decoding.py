"""Request bodies that come compressed (RFC 9110, section 8.4)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from reelgate.errors import MalformedRequest, RequestTooLarge, UnsupportedMedia, brief

GZIP = zlib.MAX_WBITS | 16
ZLIB = zlib.MAX_WBITS
WINDOWS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}
"""The codings that are read, and how zlib is told of each."""
PIECE_BYTES = 64 * 1024


def plain(receive: Receive, headers: Headers, limit_bytes: int) -> Receive:
    """A `receive` that hands out what a body holds, however it was packed.

    It raises UnsupportedMedia where nobody reads such a coding, MalformedRequest where the body is
    not so coded, and RequestTooLarge where it or what it holds is larger than the limit.
    """
    coding = ", ".join(headers.getlist("content-encoding")).strip().lower()
    return receive if coding in {"", "identity"} else unpacked(receive, coding, limit_bytes)


def unpacked(receive: Receive, coding: str, limit_bytes: int) -> Receive:
    """A `receive` that unpacks, once there is something to unpack."""
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
    """What a compressed body holds, piece by piece."""

    def __init__(self, coding: str, limit_bytes: int) -> None:
        """`limit_bytes` is how much it may hold.

        Raises:
            UnsupportedMedia: no such coding is read.
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
