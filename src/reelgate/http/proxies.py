"""Proxies that the operator trusts, and whom they forward for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address

from starlette.types import Scope

from reelgate.net.hosts import Network

MAX_HOPS = 20
FORWARDED_FOR = re.compile(
    rb'(?:^|;)[ \t]*for[ \t]*=[ \t]*(?:"(?P<quoted>[^"]*)"|(?P<token>[^;,"\s]*))', re.IGNORECASE
)
"""The `for` of one element of `Forwarded` (RFC 7239, 4)."""


class TrustedProxies:
    """The proxies whose word on a client's address is taken."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._known = lru_cache(maxsize=1024)(self._is_within)

    def trusts(self, address: str | None) -> bool:
        """Whether a connection from this address is one of theirs."""
        return bool(self._networks) and address is not None and self._known(address)

    def client_of(self, scope: Scope) -> str:
        """The address of whoever sent a request; empty where that is not known.

        Of the hops that trusted proxies name, the nearest that is none of theirs counts: what
        comes before it anybody can have written.
        """
        address = scope["client"][0] if scope.get("client") else ""
        if not self.trusts(address):
            return address
        for hop in hops_of(scope):
            if not hop:
                break
            address = hop
            if not self.trusts(hop):
                break
        return address

    def _is_within(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._networks)


def hops_of(scope: Scope) -> Iterator[str]:
    """Whom a request was forwarded for, the nearest first; empty for one that is no address.

    `Forwarded` goes before `X-Forwarded-For`, which is older and says the same.
    """
    headers = {b"forwarded": b"", b"x-forwarded-for": b""}
    for name, value in scope["headers"]:
        if name in headers:
            headers[name] = b",".join(filter(None, (headers[name], value)))
    if headers[b"forwarded"]:
        elements = headers[b"forwarded"].split(b",")
        found = (FORWARDED_FOR.search(each.strip()) for each in reversed(elements[-MAX_HOPS:]))
        told = ((match["quoted"] or match["token"] or b"") if match else b"" for match in found)
    else:
        told = (each for each in reversed(headers[b"x-forwarded-for"].split(b",")[-MAX_HOPS:]))
    return (plain_address(each.decode("latin-1").strip()) for each in told)


def plain_address(told: str) -> str:
    """An address without its port and brackets; empty where it is none."""
    if told.startswith("["):
        told = told[1:].partition("]")[0]
    elif told.count(":") == 1:
        told = told.partition(":")[0]
    try:
        return str(ip_address(told))
    except ValueError:
        return ""
