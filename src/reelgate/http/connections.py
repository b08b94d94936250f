"""The open connections, and which of them are evicted when there are too many.

A connection whose request is complete and authenticated is served for as long as that takes. Any
other costs its client nothing to keep open, so when a new connection needs room the oldest of those
is closed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

import structlog
from starlette.types import Scope

from reelgate.errors import Overloaded

log = structlog.get_logger()

CONNECTION = "reelgate.connection"
"""Where a request's `state` holds its connection."""
MAX_REFUSED = 64
"""Connections beyond the limit that get a response that says so; more are just closed."""
MAX_HEAD_BYTES = 32 * 1024
MAX_HEADS_BYTES = 16 * 1024 * 1024
"""Of unfinished heads of requests, all together."""
LOG_EVERY_S = 60.0
RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be.

    Attributes:
        total: in all.
        per_address: of one address, not counting those that are being served.
        head_timeout_s: how long a request's head may take.
    """

    total: int
    per_address: int
    head_timeout_s: float


class Connection:
    """One connection, as the server and the application see it."""

    __slots__ = (
        "_connections",
        "address",
        "head_bytes",
        "is_authenticated",
        "is_complete",
        "is_known",
    )

    def __init__(self, connections: Connections, address: str | None) -> None:
        """`address`: what it is counted by; None if it is not."""
        self._connections = connections
        self.address = address
        self.head_bytes = 0
        self.is_complete = False
        self.is_authenticated = False
        self.is_known = False

    def authenticated(self) -> None:
        """Its current request is authenticated."""
        self.is_authenticated = self.is_known = True
        self._connections.settle(self)

    def request_complete(self) -> None:
        self.is_complete = True
        self._connections.settle(self)

    def room_for_file(self) -> AbstractContextManager[None]:
        """Reserve a file handle for its response."""
        return self._connections.room_for_file()

    def response_complete(self) -> None:
        self.is_authenticated = False
        self._connections.mark_idle(self)


def nobody(_address: str | None) -> bool:
    """No address is a proxy's."""
    return False


class Connections:
    """All connections of a server."""

    def __init__(
        self, limits: ConnectionLimits, trusted: Callable[[str | None], bool] = nobody
    ) -> None:
        """`trusted`: whether an address is a proxy's, whose connections are many people's."""
        self.limits = limits
        self._trusted = trusted
        self.refused = 0
        """Connections beyond the limit that are getting a response."""
        self._abort: dict[Connection, Callable[[], None]] = {}
        self._unauthenticated: OrderedDict[Connection, None] = OrderedDict()
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._by_address: dict[str, OrderedDict[Connection, None]] = {}
        self._heads_bytes = 0
        self._files = 0
        self._evicted = self._refused = 0
        self._logged_at_s = float("-inf")

    def __len__(self) -> int:
        return len(self._abort)

    def open(self, address: str | None, abort: Callable[[], None]) -> Connection | None:
        """Register a new connection, which `abort` closes at once; None if there is no room."""
        counted = None if self._trusted(address) else address_group(address)
        same = self._by_address.get(counted) if counted else None
        if same is not None and len(same) >= self.limits.per_address:
            self._evict(next(iter(same)))
        if not self._make_room():
            return None
        connection = Connection(self, counted)
        self._abort[connection] = abort
        self._unauthenticated[connection] = None
        if counted:
            self._by_address.setdefault(counted, OrderedDict())[connection] = None
        return connection

    def may_refuse(self) -> bool:
        """Whether one more beyond the limit may get a response; its end must lower `refused`."""
        if self.refused >= MAX_REFUSED:
            return False
        self.refused += 1
        return True

    def close(self, connection: Connection) -> None:
        if self._abort.pop(connection, None) is not None:
            self._leave(connection)
            self._idle.pop(connection, None)
            self.hold_head(connection, 0)

    def settle(self, connection: Connection) -> None:
        """Protect it from eviction if its request is complete and authenticated."""
        if connection.is_complete and connection.is_authenticated:
            self._leave(connection)
            self._idle.pop(connection, None)

    def mark_idle(self, connection: Connection) -> None:
        """Its request is answered: it may be evicted until the next one."""
        if connection.is_known and connection in self._abort:
            self._leave(connection)
            self._idle[connection] = None
            self._idle.move_to_end(connection)

    def hold_head(self, connection: Connection, size_bytes: int) -> None:
        """Record how much of an unfinished request head is in memory."""
        self._heads_bytes += size_bytes - connection.head_bytes
        connection.head_bytes = size_bytes
        while self._heads_bytes > MAX_HEADS_BYTES and self._evict_oldest():
            pass

    @contextmanager
    def room_for_file(self) -> Iterator[None]:
        """Reserve a file handle for a response; it counts like a connection.

        Raises:
            Overloaded: there is none.
        """
        if not self._make_room():
            message = "the gateway has as many connections and files open as it takes"
            raise Overloaded(message, retry_after_s=RETRY_AFTER_S)
        self._files += 1
        try:
            yield
        finally:
            self._files -= 1

    def _make_room(self) -> bool:
        """Whether there is room for one more, if need be by evicting another."""
        if len(self._abort) + self._files < self.limits.total or self._evict_oldest():
            return True
        self._refused += 1
        self._log_evictions()
        return False

    def _leave(self, connection: Connection) -> None:
        """It is no longer unauthenticated."""
        if connection not in self._unauthenticated:
            return
        del self._unauthenticated[connection]
        if connection.address:
            same = self._by_address[connection.address]
            del same[connection]
            if not same:
                del self._by_address[connection.address]

    def _evict_oldest(self) -> bool:
        """Evict the oldest unauthenticated or idle connection; False if there is none."""
        for connections in (self._unauthenticated, self._idle):
            if connections:
                self._evict(next(iter(connections)))
                return True
        return False

    def _evict(self, connection: Connection) -> None:
        abort = self._abort[connection]
        self.close(connection)
        abort()
        self._evicted += 1
        self._log_evictions()

    def _log_evictions(self) -> None:
        """Log at most once a minute: whoever causes this must not fill the log."""
        now_s = time.monotonic()
        if now_s - self._logged_at_s < LOG_EVERY_S:
            return
        self._logged_at_s = now_s
        log.warning(
            "too_many_connections",
            limit=self.limits.total,
            per_address=self.limits.per_address,
            evicted=self._evicted,
            refused=self._refused,
        )
        self._evicted = self._refused = 0


def address_group(address: str | None) -> str | None:
    """What a connection is counted by: its IPv4 address, or the /64 network of its IPv6 address.

    None for loopback: a proxy on this machine forwards everybody's connections.
    """
    try:
        ip = ip_address(address or "")
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return None
    if isinstance(ip, IPv6Address):
        return ip.packed[:8].hex()
    return str(ip)


def connection_of(scope: Scope) -> Connection | None:
    """The connection of a request; None under another server than ours."""
    connection: Connection | None = scope.get("state", {}).get(CONNECTION)
    return connection


def room_for_file(scope: Scope) -> AbstractContextManager[None]:
    """Reserve a file handle for the response to a request."""
    connection = connection_of(scope)
    return nullcontext() if connection is None else connection.room_for_file()


def authenticated(scope: Scope) -> None:
    """Mark a request as authenticated."""
    connection = connection_of(scope)
    if connection is not None:
        connection.authenticated()
