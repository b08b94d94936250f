"""The HTTP client for addresses that callers name: no redirects, no cookies, no private targets."""

from __future__ import annotations

import aiohttp

from reelgate.netguard import TargetRefused, public_socket
from reelgate.version import VERSION

MAX_CONNECTIONS = 512


def open_session(*, allow_private: bool = False, timeout_s: float) -> aiohttp.ClientSession:
    """A session for requests to strangers' addresses.

    Each request must say `allow_redirects=False`: aiohttp has no such setting for a session.

    Args:
        allow_private: let requests go to private and reserved networks too.
        timeout_s: how long a request may take in all.
    """
    connector = aiohttp.TCPConnector(
        limit=MAX_CONNECTIONS,
        socket_factory=None if allow_private else public_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": f"reelgate/{VERSION}"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
    )


def was_refused(error: BaseException) -> bool:
    """Whether this failure of a request means that its target is not public."""
    return isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, TargetRefused
    )
