"""Which addresses strangers may send the gateway to."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.errors import InvalidRequest
from reelgate.net.ssrf import (
    REFUSED_IPV4,
    AddressInfo,
    TargetRefused,
    check_url,
    is_public,
    public_socket,
)

IPV4 = st.integers(0, 2**32 - 1).map(IPv4Address)
IPV6 = st.integers(0, 2**128 - 1).map(IPv6Address)


def within(network: IPv4Network) -> st.SearchStrategy[IPv4Address]:
    first, last = int(network.network_address), int(network.broadcast_address)
    return st.integers(first, last).map(IPv4Address)


REFUSED = st.sampled_from(REFUSED_IPV4).flatmap(within)

SPELLINGS = (
    str,
    lambda address: str(int(address)),
    lambda address: hex(int(address)),
    lambda address: f"0{int(address):o}",
    lambda address: ".".join(hex(byte) for byte in address.packed),
    lambda address: ".".join(f"0{byte:o}" for byte in address.packed),
    lambda address: f"{address.packed[0]}.{int(address) % 2**24}",
    lambda address: f"[::ffff:{address}]",
    lambda address: f"[64:ff9b::{address}]",
    lambda address: f"{address}.",
)


def info_of(address: str) -> AddressInfo:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    target = (address, 80, 0, 0) if ":" in address else (address, 80)
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", target)


@given(IPV4 | IPV6)
def test_what_the_standard_library_does_not_call_global_is_refused(
    address: IPv4Address | IPv6Address,
) -> None:
    assert address.is_global or not is_public(str(address))


@given(IPV4)
def test_an_ipv4_address_wrapped_into_ipv6_is_refused_whatever_it_is(address: IPv4Address) -> None:
    number = int(address)
    wrapped = (
        IPv6Address(number | 0xFFFF << 32),  # mapped
        IPv6Address(number),  # compatible
        IPv6Address(0x64FF9B << 96 | number),  # NAT64
        IPv6Address(0x64FF9B0001 << 80 | number),  # local-use NAT64
        IPv6Address(0x2002 << 112 | number << 80),  # 6to4
        IPv6Address(0x20010000 << 96 | number),  # Teredo
    )
    assert [str(each) for each in wrapped if is_public(str(each))] == []


@given(REFUSED)
def test_no_socket_is_made_for_an_address_that_is_not_public(address: IPv4Address) -> None:
    with pytest.raises(TargetRefused):
        public_socket(info_of(str(address)))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.0", "2606:4700::1111"]
)
def test_a_public_address_gets_its_socket(address: str) -> None:
    with public_socket(info_of(address)) as made:
        assert made.type == socket.SOCK_STREAM


@pytest.mark.parametrize(
    "address",
    ["::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:8.8.8.8", "fec0::1"],
)
def test_a_local_ipv6_address_is_refused(address: str) -> None:
    assert not is_public(address)


@given(REFUSED, st.sampled_from(SPELLINGS))
def test_a_private_address_is_refused_before_connecting_however_it_is_spelled(
    address: IPv4Address, spell: object
) -> None:
    assert callable(spell)
    with pytest.raises(InvalidRequest) as refused:
        check_url(f"http://{spell(address)}/hook", param="webhook_url")
    assert refused.value.param == "webhook_url"


@given(REFUSED, st.sampled_from(SPELLINGS[:7]))
def test_every_spelling_means_to_the_resolver_what_it_means_to_us(
    address: IPv4Address, spell: object
) -> None:
    assert callable(spell)
    found = socket.getaddrinfo(spell(address), 80, type=socket.SOCK_STREAM)
    assert {ip_address(entry[4][0]) for entry in found} == {address}


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://LOCALHOST.:8000/",
        "http://metadata.google.internal/",
        "http://printer.local/",
        "http://①②⑦.⓪.⓪.①/",
        "http://[::1]:8000/",
    ],
)
def test_a_name_that_means_this_place_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="private"):
        check_url(url, param="webhook_url")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "http://example.com/\n",
        "http://[::1",
        "http://[]@",
        "http://a..b/",
        f"http://{'a' * 64}.com/",
        "http://user:secret@example.com/",
        "http://user@example.com/",
        "http://example.com/#part",
        "http://example.com/" + "a" * 3000,
    ],
)
def test_what_is_no_plain_web_address_is_refused_even_where_private_ones_are_allowed(
    url: str,
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_url(url, param="webhook_url", allow_private=True)
    assert "secret" not in str(refused.value)


@given(st.text(max_size=60))
def test_no_text_at_all_makes_the_check_fall_over(text: str) -> None:
    for url in (text, f"http://{text}", f"https://example.com/{text}"):
        try:
            checked = check_url(url, param="webhook_url")
        except InvalidRequest:
            continue
        assert checked.scheme in {"http", "https"}


@pytest.mark.parametrize("url", ["https://example.com/hook?a=b", "http://1.1.1.1:8443/"])
def test_a_public_address_is_taken_as_it_is(url: str) -> None:
    assert str(check_url(url, param="webhook_url")) == url


@pytest.mark.parametrize("url", ["http://localhost:9000/hook", "http://10.0.0.7/hook"])
def test_a_private_address_is_taken_where_the_operator_allows_it(url: str) -> None:
    assert str(check_url(url, param="webhook_url", allow_private=True)) == url
