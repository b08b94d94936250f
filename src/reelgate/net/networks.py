"""Networks, as settings spell them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def networks_of(listed: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks as people write them.

    Raises:
        ValueError: one is neither.
    """
    return tuple(map(network_of, listed))


def network_of(written: str) -> Network:
    """An address or a network as people write it.

    Raises:
        ValueError: it is neither.
    """
    try:
        return ip_network(written, strict=False)
    except ValueError:
        message = f"{written!r} is neither an address nor a network such as 10.0.0.0/8"
        raise ValueError(message) from None
