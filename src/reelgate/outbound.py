"""The HTTP client for addresses that callers name: no redirects, no cookies, no private targets."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from reelgate.netguard import TargetRefused, public_socket
from reelgate.open_files import for_requests
from reelgate.version import VERSION

MAX_CONNECTIONS = 512
NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
AS_NUMBER = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
LINK_LOCAL_PARTS = 4
"""An address of IPv6 has its interface in the fourth place."""


def open_session(
    *, allow_private: bool = False, timeout_s: float | None = None
) -> aiohttp.ClientSession:
    """A session for requests to strangers' addresses.

    Each request must say `allow_redirects=False`: aiohttp has no such setting for a session.

    Args:
        allow_private: let requests go to private and reserved networks too.
        timeout_s: how long a request may take in all; None: that is its sender's business.
    """
    connector = aiohttp.TCPConnector(
        limit=for_requests(MAX_CONNECTIONS),
        resolver=ThreadForEachName(),
        socket_factory=None if allow_private else public_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": f"reelgate/{VERSION}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
    )


class ThreadForEachName(AbstractResolver):
    """Looks each name up in a thread of its own.

    aiohttp's own resolver shares the event loop's few threads with all other work. A name server
    that never answers holds one for half a minute, whoever waits for it; some such names would
    stop every look-up of this process, those of the upstream too, and its end.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name.

        Raises:
            OSError: it has none.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def settle(found: list[ResolveResult] | OSError) -> None:
            if answer.done():
                return
            if isinstance(found, OSError):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def look_up() -> None:
            found = addresses_of(host, port, family)
            # The loop may have ended meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        return await answer

    async def close(self) -> None:
        """There is nothing to close: a thread ends with its look-up, or with the process."""


def addresses_of(
    host: str, port: int, family: socket.AddressFamily
) -> list[ResolveResult] | OSError:
    """What a name means, by the system; blocks."""
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )
        return [result_of(host, address, family, proto) for family, _, proto, _, address in found]
    except (OSError, UnicodeError) as error:
        return error if isinstance(error, OSError) else OSError(str(error))


def result_of(
    host: str, address: tuple[Any, ...], family: socket.AddressFamily, proto: int
) -> ResolveResult:
    """One of a name's addresses; a link-local one of IPv6 keeps its interface."""
    numeric, port = address[:2]
    if len(address) == LINK_LOCAL_PARTS and address[LINK_LOCAL_PARTS - 1]:
        numeric, port = socket.getnameinfo(address, NUMERIC)
    return ResolveResult(
        hostname=host, host=numeric, port=int(port), family=family, proto=proto, flags=AS_NUMBER
    )


def was_refused(error: BaseException) -> bool:
    """Whether this failure of a request means that its target is not public."""
    return isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, TargetRefused
    )
