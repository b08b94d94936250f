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
    found: list[Network] = []
    for each in listed:
        try:
            found.append(ip_network(each, strict=False))
        except ValueError:
            message = f"{each!r} is neither an address nor a network such as 10.0.0.0/8"
            raise ValueError(message) from None
    return tuple(found)
