"""Whom a request was forwarded for, as trusted proxies tell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.http.proxies import TrustedProxies
from reelgate.net.hosts import networks_of

PROXIES = TrustedProxies(networks_of(["10.0.0.0/8", "2001:db8::/32", "127.0.0.1"]))


def client(peer: str, **headers: str) -> str:
    raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    return PROXIES.client_of({"type": "http", "client": (peer, 4711), "headers": raw})


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("203.0.113.9", {"forwarded": "for=198.51.100.1"}, "203.0.113.9"),
        ("10.1.2.3", {}, "10.1.2.3"),
        ("10.1.2.3", {"forwarded": "for=198.51.100.1"}, "198.51.100.1"),
        ("10.1.2.3", {"forwarded": 'for="198.51.100.1:99";proto=https'}, "198.51.100.1"),
        ("10.1.2.3", {"forwarded": 'proto=http; For="[2001:db9::17]:4711"'}, "2001:db9::17"),
        ("10.1.2.3", {"forwarded": "for=6.6.6.6, for=198.51.100.1, for=10.9.9.9"}, "198.51.100.1"),
        ("10.1.2.3", {"x_forwarded_for": "6.6.6.6, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"),
        ("10.1.2.3", {"x_forwarded_for": "6.6.6.6", "forwarded": "for=9.9.9.9"}, "9.9.9.9"),
        ("10.1.2.3", {"forwarded": "for=unknown"}, "10.1.2.3"),
        ("10.1.2.3", {"forwarded": "for=_hidden, for=10.9.9.9"}, "10.9.9.9"),
        ("10.1.2.3", {"x_forwarded_for": "nonsense"}, "10.1.2.3"),
        ("127.0.0.1", {"x_forwarded_for": "2001:db9::1"}, "2001:db9::1"),
    ],
)
def test_the_nearest_hop_that_is_no_proxy_of_ours_is_the_client(
    peer: str, headers: dict[str, str], address: str
) -> None:
    assert client(peer, **headers) == address


@given(st.text(max_size=200), st.binary(max_size=200))
def test_no_header_breaks_it(text: str, raw: bytes) -> None:
    headers = [(b"forwarded", text.encode("utf-8", "replace")), (b"x-forwarded-for", raw)]
    for pair in (headers, headers[1:]):
        scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": pair}
        assert PROXIES.client_of(scope)


def test_what_is_no_network_is_told() -> None:
    with pytest.raises(ValueError, match="'nowhere' is neither an address nor a network"):
        networks_of(["10.0.0.0/8", "nowhere"])
