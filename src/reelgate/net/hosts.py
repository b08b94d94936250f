"""Host names, origins and networks, as requests and settings write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

HOST = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
"""`uri-host [":" port]` (RFC 9110, section 7.2): an IPv6 address stands in brackets."""
DEFAULT_PORTS = {"http": 80, "https": 443}
LOCALHOST = "localhost"
MAX_HOST_CHARS = 260
"""A name has 253 at most (RFC 1035), and a port five."""
REMEMBERED = 64
"""Names that are not taken apart again: a gateway has few, and is called by one every time."""


@lru_cache(maxsize=REMEMBERED)
def split_host(value: str) -> tuple[str, int | None] | None:
    """The name, in its normal form, and the port of a `Host` header; None if it is none."""
    found = HOST.fullmatch(value) if len(value) <= MAX_HOST_CHARS else None
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    name = normal_name(found["v6"] or found["name"])
    if found["v6"] and not is_address(name):
        return None
    return name, port


def normal_name(name: str) -> str:
    """A host name or an address in the one form in which it is compared."""
    bare = name.strip("[]").lower().removesuffix(".")
    try:
        address = ip_address(bare)
    except ValueError:
        return bare
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def is_address(name: str) -> bool:
    """Whether a normal name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on a host."""
    name = normal_name(host)
    return ip_address(name).is_loopback if is_address(name) else name == LOCALHOST


@lru_cache(maxsize=REMEMBERED)
def names_loopback(name: str) -> bool:
    """Whether a normal name can lead to this machine only, whatever a name server says (RFC 6761).

    That is what DNS rebinding cannot forge: names that end in `.localhost` are never looked up.
    """
    return is_loopback(name) or name.endswith(f".{LOCALHOST}")


def is_origin(value: str) -> bool:
    """Whether a value is `scheme://host[:port]` (RFC 6454), as browsers send it or nearly so."""
    scheme, separator, host = value.removesuffix("/").partition("://")
    return bool(separator) and scheme.replace("-", "").isalnum() and split_host(host) is not None


def normal_origin(value: str) -> str:
    """An origin as browsers write it: lower case, no default port, no slash at the end."""
    if not is_origin(value):
        return value
    scheme, _, host = value.lower().removesuffix("/").partition("://")
    default = f":{DEFAULT_PORTS.get(scheme, '')}"
    return f"{scheme}://{host.removesuffix(default)}"


def origin_of(url: str) -> str:
    """The origin of an address."""
    parts = urlsplit(url)
    return normal_origin(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def check_host(name: str) -> None:
    """Refuse what is neither a host's name nor `*`.

    Raises:
        ValueError: naming it.
    """
    if name != "*" and split_host(name) is None:
        message = f"{name!r} is not a host name: write it like videos.example, without http"
        raise ValueError(message)


def check_origin(origin: str) -> None:
    """Refuse what is neither an origin, nor `*` or `null`.

    Raises:
        ValueError: naming it.
    """
    if origin not in {"*", "null"} and not is_origin(origin):
        message = f"{origin!r} is not an origin: write it like https://page.example"
        raise ValueError(message)


def http_url(value: str) -> str:
    """An address without the slash at its end; empty stays empty.

    Raises:
        ValueError: it is not an http:// or https:// address.
    """
    parts = urlsplit(value)
    if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
        message = f"{value!r} is not an http:// or https:// address"
        raise ValueError(message)
    return value.rstrip("/")


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
