"""HTTP/1.1 as uvicorn speaks it with httptools, with the limits that both leave open.

uvicorn has no time-out for a request's head and no limit of its size with httptools; its
`limit_concurrency` counts idle connections and callers who wait alike. See
docs/adr/0015-limits-of-connections.md. Only public methods are overridden: those of
`asyncio.Protocol`, and the parser's callbacks (https://github.com/MagicStack/httptools).
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reelgate.errors import (
    HeadersTooLarge,
    MalformedRequest,
    Overloaded,
    ReelgateError,
    RequestTimeout,
    UriTooLong,
)
from reelgate.http.connections import (
    CONNECTION,
    MAX_HEAD_BYTES,
    RETRY_AFTER_S,
    Connection,
    Connections,
)
from reelgate.http.errors import MEDIA_TYPE, body_of

MAX_URL_BYTES = 8192
"""RFC 9110 wants 8,000 to be taken at least (section 4.1)."""
MAX_HEADERS = 100
LINGER_S = 2.0
"""How long a refused caller has to read the response: closing at once could lose it."""
DISCARD_S = 10.0
"""How long the rest of an unwanted body may take."""
MAX_HELD_BYTES = 64 * 1024
"""Of a response, until the event loop's next iteration."""
STALLED_S = 60.0
"""How long an unauthenticated caller may leave a response unread."""
ALWAYS_ANSWERED = frozenset({b"/health", b"/ready"})
"""A full gateway is not dead: a supervisor that restarts it without an answer must get one."""


class CoalescingTransport(asyncio.Transport):
    """A transport that sends what is written in one iteration of the event loop in one piece.

    uvicorn writes a response's head and its body one after the other, and uvloop makes a system
    call of each at once, which wakes a client on the same machine (often a proxy) for half a
    response. Sent together, and with the responses that are written at the same time, they take a
    sixth less of the CPU time of a small response.
    """

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:  # type: ignore[override]
        """Send bytes in the next iteration; at once if they are many."""
        if len(self._held) + len(data) > MAX_HELD_BYTES:
            self._flush()
            self._transport.write(data)
        elif self._held:
            self._held += data
        elif data:
            self._held = data
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        held, self._held = self._held, b""
        # The connection may have been lost meanwhile.
        if held and not self._transport.is_closing():
            self._transport.write(held)

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._held = b""
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's
        return self._transport.get_extra_info(name, default)


class Stage(Enum):
    """How far a connection's current request has come in."""

    BETWEEN = auto()  # none has begun, or the last is complete
    HEAD = auto()
    BODY = auto()


class LimitedProtocol(HttpToolsProtocol):
    """One connection, bounded in time and size until its request is whole and authenticated."""

    connections_of_server: ClassVar[Connections]
    """The server's connections, this one among them."""

    def __init__(self, **of_uvicorn: Any) -> None:  # noqa: ANN401 - whatever uvicorn gives it
        super().__init__(**of_uvicorn)
        self._connection: Connection | None = None
        self._deadline: asyncio.TimerHandle | None = None
        """By when a head, the rest of an unwanted body or a refused caller must be done."""
        self._stalled: asyncio.TimerHandle | None = None
        self._stage = Stage.BETWEEN
        # Since the parser last made something of them: an unfinished head, or what follows a body.
        self._pending_bytes = 0
        self._unanswered = 0
        self._refusal: ReelgateError | None = None
        self._is_refused = False
        self._is_beyond_limit = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Register the connection if there is room."""
        super().connection_made(CoalescingTransport(transport, self.loop))
        connections = self.connections_of_server
        address = self.client[0] if self.client else None
        self._connection = connections.open(address, transport.abort)
        if self._connection is not None:
            self._set_deadline(connections.limits.head_timeout_s, self._head_timed_out)
        elif connections.may_refuse():
            # It gets a response once it has sent a request.
            self._is_beyond_limit = True
            self._set_deadline(LINGER_S, transport.abort)
        else:
            self._is_refused = True
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        self.resume_writing()
        if self._connection is not None:
            self.connections_of_server.close(self._connection)
        if self._is_beyond_limit:
            self._is_beyond_limit = False
            self.connections_of_server.refused -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse more bytes, within the limits."""
        if self._is_refused:
            return
        self._pending_bytes += len(data)
        super().data_received(data)
        if self._pending_bytes or self._deadline is not None or self._stage is not Stage.BETWEEN:
            self._check_progress(len(data))

    def _check_progress(self, size_bytes: int) -> None:
        """Apply the limits of time and size to an unfinished request."""
        if self._is_refused:
            return
        if self._stage is Stage.HEAD and not self._pending_bytes:
            # It began within these bytes, after the end of another request.
            self._pending_bytes = size_bytes
        if self._pending_bytes > MAX_HEAD_BYTES:
            self._refuse(self._head_too_large())
        elif self._pending_bytes and self._stage is not Stage.BODY:
            self._limit_head()
        elif self._deadline is not None:
            self._head_complete()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage = Stage.HEAD
        if self._connection is not None:
            self._connection.is_complete = False

    def on_headers_complete(self) -> None:
        """A request's head is complete.

        Raises:
            ReelgateError: it is too large; the parser then calls `send_400_response`.
        """
        if self._pending_bytes > MAX_URL_BYTES or len(self.headers) > MAX_HEADERS:
            self._refusal = head_error(self.url, self.headers)
            if self._refusal is not None:
                raise self._refusal
        self._take_absolute_form()
        if self._connection is None and self.url not in ALWAYS_ANSWERED:
            message = "the gateway has as many connections as it takes"
            self._refusal = Overloaded(message, retry_after_s=RETRY_AFTER_S)
            raise self._refusal
        self.scope["state"][CONNECTION] = self._connection
        super().on_headers_complete()
        if self._connection is None:
            self.cycle.keep_alive = False
        self._pending_bytes = 0
        self._stage = Stage.BODY
        self._unanswered += 1

    def _take_absolute_form(self) -> None:
        """Read `GET http://host/path`, as it is sent to proxies, like `GET /path`.

        The host that it names counts, not the header's (RFC 9112, section 3.2.2).
        """
        if self.url.startswith((b"/", b"*")):
            return
        target = httptools.parse_url(self.url)
        if not target.host:
            return
        host = b"[%b]" % target.host if b":" in target.host else target.host
        authority = b"%b:%d" % (host, target.port) if target.port else host
        others = [header for header in self.headers if header[0] != b"host"]
        # In place: the request's scope holds this list.
        self.headers[:] = [(b"host", authority), *others]
        self.url = (target.path or b"/") + (b"?" + target.query if target.query else b"")

    def on_body(self, body: bytes) -> None:
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        super().on_message_complete()
        self._pending_bytes = 0
        self._stage = Stage.BETWEEN
        if self._connection is not None:
            self._connection.request_complete()

    def on_response_complete(self) -> None:
        """A response has been sent; the request itself may be incomplete."""
        super().on_response_complete()
        self._unanswered -= 1
        if self._connection is not None:
            self._connection.response_complete()
        if self._stage is Stage.BODY and not self._unanswered and not self.transport.is_closing():
            # Read and discarded for a while: closing at once could lose the response.
            self._set_deadline(DISCARD_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed, or whose head is refused."""
        self._refuse(self._refusal or MalformedRequest(f"The request cannot be read: {msg}"))

    def pause_writing(self) -> None:
        """The write buffer is full: an unauthenticated caller has limited time to read."""
        super().pause_writing()
        known = self._connection is not None and self._connection.is_known
        if self._stalled is None and not known:
            self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The write buffer has drained."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _limit_head(self) -> None:
        """Limit the time of an unfinished head, and the memory of all such heads."""
        if self._connection is not None:
            self.connections_of_server.hold_head(self._connection, self._pending_bytes)
        if self._deadline is None and self._connection is not None:
            self._set_deadline(
                self.connections_of_server.limits.head_timeout_s, self._head_timed_out
            )

    def _head_complete(self) -> None:
        is_dropped = self._stage is Stage.BODY and not self._unanswered
        if self._connection is not None and not is_dropped:
            self._cancel_deadline()
            self.connections_of_server.hold_head(self._connection, 0)

    def _head_timed_out(self) -> None:
        self._deadline = None
        if self._unanswered:
            # The next request of a caller who waits for an earlier one.
            self._set_deadline(
                self.connections_of_server.limits.head_timeout_s, self._head_timed_out
            )
        elif self._pending_bytes:
            self._refuse(RequestTimeout())
        else:
            self.transport.close()

    def _head_too_large(self) -> ReelgateError:
        if self._stage is Stage.HEAD and not self.headers and len(self.url) > MAX_URL_BYTES:
            return UriTooLong()
        return HeadersTooLarge()

    def _refuse(self, error: ReelgateError) -> None:
        """Respond without the application, and close once the caller has had time to read that."""
        self._is_refused = True
        if self._unanswered:
            # The response to an earlier request may be half sent.
            self.transport.abort()
            return
        self.transport.write(error_response(error, self.server_state.default_headers))
        self.transport.write_eof()
        self._set_deadline(LINGER_S, self.transport.abort)

    def _set_deadline(self, seconds: float, then: Callable[[], None]) -> None:
        self._cancel_deadline()
        self._deadline = self.loop.call_later(seconds, then)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def protocol_of(connections: Connections) -> type[LimitedProtocol]:
    """The protocol of one server; uvicorn makes an object of it for each connection."""

    class BoundProtocol(LimitedProtocol):
        connections_of_server = connections

    return BoundProtocol


def head_error(url: bytes, headers: list[tuple[bytes, bytes]]) -> ReelgateError | None:
    """Why a request is refused by its head; None if it is not."""
    if len(url) > MAX_URL_BYTES:
        return UriTooLong()
    size_bytes = len(url) + sum(len(name) + len(value) for name, value in headers)
    if size_bytes > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
        return HeadersTooLarge()
    return None


def error_response(error: ReelgateError, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """An error as a raw HTTP response, after which the connection is closed."""
    body = json.dumps(body_of(error)).encode()
    headers = [
        *default_headers,
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(math.ceil(error.retry_after_s)).encode()))
    status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode()
    lines = [status, *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
