"""Signing in from a browser, with a cookie in the key's place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.gateway import SHORT, Gateway, a_gateway, a_prompt

KEY = "rg_" + "".join(chr(97 + each % 26) for each in range(40))
RENEWED = "rg_" + "".join(chr(122 - each % 26) for each in range(40))


@pytest.fixture
async def keyed(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Gateway]:
    """A gateway with one key."""
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
        yield gateway


async def signed_in(gateway: Gateway, key: str = KEY, **headers: str) -> dict[str, str]:
    """The header that brings a session."""
    reply = await gateway.call("POST", "/session", json={"key": key}, headers=headers)
    assert reply.status == 200, reply
    gateway.session.cookie_jar.clear()
    [cookie] = SimpleCookie(reply.headers["Set-Cookie"]).values()
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"]) == ("strict", "/")
    assert key not in reply.headers["Set-Cookie"]
    return {"Cookie": f"{cookie.key}={cookie.value}"}


def own(gateway: Gateway) -> dict[str, str]:
    return {"Origin": gateway.url, "Sec-Fetch-Site": "same-origin"}


async def test_a_session_stands_for_the_key_it_was_made_with(keyed: Gateway) -> None:
    before = (await keyed.call("GET", "/session")).body
    assert (before["keyed"], before["signed_in"]) == (True, False)
    cookie = await signed_in(keyed)
    after = (await keyed.call("GET", "/session", headers=cookie)).body
    assert (after["signed_in"], after["name"], after["operator"]) == (True, "bootstrap", True)
    body = {"prompt": a_prompt(), **SHORT}
    made = await keyed.call("POST", "/v1/videos", json=body, headers=cookie | own(keyed))
    listed = await keyed.call("GET", "/v1/videos", headers={"Authorization": f"Bearer {KEY}"})
    assert [video["id"] for video in listed.body["data"]] == [made.body["id"]]


@pytest.mark.parametrize("key", ["", "rg_wrong", KEY[:-1], KEY + "x"])
async def test_a_wrong_key_signs_nobody_in(keyed: Gateway, key: str) -> None:
    reply = await keyed.call("POST", "/session", json={"key": key})
    assert (reply.status, reply.code) == (401, "invalid_api_key")
    assert "Set-Cookie" not in reply.headers


async def test_a_cookie_that_was_tampered_with_is_none(keyed: Gateway) -> None:
    name, _, value = (await signed_in(keyed))["Cookie"].partition("=")
    about, until, signature = value.split(".")
    for wrong in (
        f"{about}.{int(until) + 1}.{signature}",
        f"key_other.{until}.{signature}",
        f"{about}.{until}.{signature[:-1]}{'A' if signature[-1] != 'A' else 'E'}",
        f"{about}.{until}",
        "",
        "é",
    ):
        cookie = {"Cookie": f"{name}={wrong}"}
        assert (await keyed.call("GET", "/v1/videos", headers=cookie)).status == 401, wrong
        assert not (await keyed.call("GET", "/session", headers=cookie)).body["signed_in"]


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_a_foreign_page_changes_nothing_with_a_session(
    keyed: Gateway, page: dict[str, str]
) -> None:
    cookie = await signed_in(keyed)
    body = {"prompt": a_prompt(), **SHORT}
    for method, path in (
        ("POST", "/v1/videos"),
        ("DELETE", "/v1/videos/video_1"),
        ("POST", "/session"),
        ("DELETE", "/session"),
    ):
        reply = await keyed.call(method, path, json=body, headers=cookie | page)
        assert (reply.status, reply.code) == (403, "foreign_origin"), path
    assert (await keyed.call("GET", "/v1/videos", headers=cookie)).body["data"] == []
    # A page that brings a key of its own needs no session, and is asked for none.
    keyed_page = page | {"Authorization": f"Bearer {KEY}"}
    assert (await keyed.call("POST", "/v1/videos", json=body, headers=keyed_page)).status == 200


async def test_a_key_that_is_renewed_ends_its_sessions(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as gateway:
        cookie = await signed_in(gateway)
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=RENEWED) as gateway:
        assert (await gateway.call("GET", "/v1/videos", headers=cookie)).status == 401


async def test_signing_out_takes_the_cookie_back(keyed: Gateway) -> None:
    reply = await keyed.call("DELETE", "/session", headers=await signed_in(keyed) | own(keyed))
    [cookie] = SimpleCookie(reply.headers["Set-Cookie"]).values()
    assert (cookie.value, cookie["max-age"]) == ("", "0")


async def test_without_keys_nobody_needs_to_sign_in(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        told = (await gateway.call("GET", "/session")).body
        assert (told["keyed"], told["signed_in"], told["operator"]) == (False, True, True)
        assert (await gateway.call("POST", "/session", json={"key": KEY})).status == 200
