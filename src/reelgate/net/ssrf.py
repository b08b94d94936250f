"""Keeps requests to addresses that strangers named out of our own network."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from reelgate.errors import InvalidRequest, Problem
from reelgate.net.open_files import for_requests
from reelgate.net.transport import read_url
from reelgate.version import VERSION

MAX_URL_BYTES = 2048
"""In UTF-8: Postgres indexes addresses, and no more than 2,700 bytes of each."""

REFUSED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and there the clouds' metadata services
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, out of use
        "192.168.0.0/16",  # private use
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
PUBLIC_IPV6 = IPv6Network("2000::/3")
"""The only unicast space handed out; outside of it lie loopback, local, mapped and NAT64 space."""
REFUSED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, and there Teredo, which wraps IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which wraps IPv4
        "3fff::/20",  # documentation
    )
)
LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")
"""Names that mean this machine or this network wherever they are resolved (RFC 6761, 6762)."""

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, Any]
"""An entry of `socket.getaddrinfo`."""


class TargetRefused(OSError):
    """The address lies in a private or reserved network."""

    def __init__(self) -> None:
        # The same words for each address: several that are refused must stay one error.
        super().__init__("the address lies in a private or reserved network")


def is_public(address: str) -> bool:
    """Whether an IP address in its usual spelling belongs to the public internet.

    Raises:
        ValueError: it is no IP address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in REFUSED_IPV4)
    bare = IPv6Address(int(parsed))
    return bare in PUBLIC_IPV6 and not any(bare in network for network in REFUSED_IPV6)


def public_socket(info: AddressInfo) -> socket.socket:
    """A socket for this one address; what aiohttp takes as its connector's `socket_factory`.

    Raises:
        TargetRefused: the address is not public.
    """
    family, kind, protocol, _, target = info
    if not is_public(target[0]):
        raise TargetRefused
    return socket.socket(family, kind, protocol)


def check_url(url: str, *, param: str, allow_private: bool = False) -> URL:
    """An http or https address as far as it can be judged without asking anybody.

    Raises:
        InvalidRequest: naming `param` and what is wrong.
    """
    parsed = parse(url)
    fault = "is not an http:// or https:// address" if parsed is None else fault_of(parsed)
    if fault is None and parsed is not None and not allow_private and is_private_host(parsed):
        fault = "points into a private or reserved network, which this gateway does not call"
    if fault is not None or parsed is None:
        raise InvalidRequest(problems=(Problem(param, f"{param} {fault}"),))
    return parsed


def parse(url: str) -> URL | None:
    """The URL as the HTTP client will understand it; None when it is none."""
    if len(url.encode(errors="replace")) > MAX_URL_BYTES or not url.isprintable() or " " in url:
        return None
    try:
        parsed = read_url(url)
        usable = parsed.scheme in {"http", "https"} and parsed.raw_host and parsed.port
        # A resolver falls over labels that are empty or longer than 63 characters.
        (parsed.raw_host or "").encode("idna")
    except ValueError:
        return None
    return parsed if usable else None


def fault_of(url: URL) -> str | None:
    """What is wrong with an address, wherever it points."""
    if url.raw_user is not None or url.raw_password is not None:
        return "holds a user name or password: leave it out"
    if url.raw_fragment:
        return "holds a fragment (#...): leave it out"
    return None


def is_private_host(url: URL) -> bool:
    """Whether the host is a literal address that is not public, or a name that means this place."""
    host = (url.raw_host or "").rstrip(".").lower()
    literal = literal_address(host)
    if literal is not None:
        return not is_public(literal)
    return any(host == name or host.endswith(f".{name}") for name in LOCAL_NAMES)


def literal_address(host: str) -> str | None:
    """The IP address that a host spells, in any way a resolver takes: `127.1`, `0x7f000001`."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


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
