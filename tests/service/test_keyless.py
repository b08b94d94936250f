"""A gateway without keys serves the programs of its machine, not every page of its browsers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.gateway import GENERATIONS, SHORT, Gateway, a_gateway, a_prompt

from .test_api_keys import a_key

PAGE = "https://page.example"
MISSING = "/v1/videos/video_0"
CHANGES = (
    ("POST", GENERATIONS),
    ("POST", "/v1/kling-2.5/generations"),
    ("POST", "/v1/videos"),
    ("POST", "/v1/videos/sync"),
    ("POST", f"{MISSING}/cancel"),
    ("POST", f"{MISSING}/remix"),
    ("DELETE", MISSING),
)
READS = ("/v1/models", "/health", "/openapi.json", "/docs")


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Gateway]:
    async with a_gateway(tmp_path, sandbox_url) as opened:
        yield opened


FOREIGN: tuple[dict[str, str], ...] = (
    {"Origin": PAGE},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Origin": "http://127.0.0.1.page.example"},
    {"Origin": "not an origin"},
    {"Origin": ""},
    {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"},
    {"Origin": PAGE, "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "of a later browser"},
    {"Sec-Fetch-Site": ""},
)


async def test_a_foreign_page_changes_nothing_and_is_told_which_setting_lets_it(
    gateway: Gateway,
) -> None:
    for headers, (method, path) in product(FOREIGN, CHANGES):
        reply = await gateway.call(method, path, json={"prompt": a_prompt()}, headers=headers)
        assert (reply.status, reply.code) == (403, "foreign_origin"), (path, headers)
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert "reelgate keys create" in reply.body["detail"]
        if headers.get("Origin") == PAGE:
            assert f"REELGATE_CORS_ORIGINS=*,{PAGE}" in reply.body["detail"]
    assert (await gateway.call("GET", "/v1/videos")).body["data"] == []


async def test_a_page_of_another_port_of_this_machine_is_foreign(gateway: Gateway) -> None:
    port = urlsplit(gateway.url).port or 0
    for origin in (f"http://localhost:{port}", f"https://127.0.0.1:{port}", "http://127.0.0.1"):
        reply = await gateway.call("DELETE", MISSING, headers={"Origin": origin})
        assert (reply.status, reply.code) == (403, "foreign_origin"), origin


async def test_the_gateway_s_own_pages_and_programs_do_everything(gateway: Gateway) -> None:
    own: tuple[dict[str, str], ...] = (
        {},
        {"Origin": gateway.url},
        {"Origin": gateway.url.upper()},
        {"Origin": gateway.url, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    )
    for headers in own:
        reply = await gateway.call("DELETE", MISSING, headers=headers)
        assert (reply.status, reply.code) == (404, "video_not_found"), headers
        assert (await gateway.call("GET", "/v1/videos", headers=headers)).status == 200


async def test_a_named_origin_does_everything(tmp_path: Path, sandbox_url: str) -> None:
    named = "*, https://page.example/, HTTP://Other.Example:80"
    async with a_gateway(tmp_path, sandbox_url, cors_origins=named) as gateway:
        for origin in (PAGE, "http://other.example"):
            for headers in (
                {"Origin": origin},
                {"Origin": origin, "Sec-Fetch-Site": "cross-site"},
            ):
                reply = await gateway.call("DELETE", MISSING, headers=headers)
                assert reply.status == 404
                reply = await gateway.call("GET", "/v1/videos", headers=headers)
                assert reply.status == 200
                assert reply.headers["Access-Control-Allow-Origin"] == "*"
        foreign = {"Origin": "https://third.example"}
        assert (await gateway.call("DELETE", MISSING, headers=foreign)).status == 403


async def test_null_cannot_be_named_for_changes(tmp_path: Path, sandbox_url: str) -> None:
    async with a_gateway(tmp_path, sandbox_url, cors_origins="*,null") as gateway:
        reply = await gateway.call("DELETE", MISSING, headers={"Origin": "null"})
        assert (reply.status, reply.code) == (403, "foreign_origin")


async def test_a_foreign_page_reads_what_is_public_and_a_video_it_knows_but_no_list(
    gateway: Gateway,
) -> None:
    made = await gateway.call("POST", "/v1/videos", json={"prompt": a_prompt(), **SHORT})
    video = made.body["id"]
    page = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    for path in (*READS, f"/v1/videos/{video}"):
        reply = await gateway.call("GET", path, headers=page)
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, "*"), path
    reply = await gateway.call("GET", "/v1/videos", headers=page)
    assert (reply.status, reply.code) == (403, "foreign_origin")
    assert "REELGATE_CORS_ORIGINS" in reply.body["detail"]
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


UNKNOWN = (
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "localhost:8000:8000",
    "localhost:port",
    "localhost evil.example",
    "[::1",
    "[localhost]",
    "[::ffff:10.0.0.1]",
    "10.0.0.1",
    "",
)
KNOWN = (
    "localhost",
    "localhost:8000",
    "LocalHost.:8000",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.8.8.8",
    "[::1]:8000",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]:8000",
    "app.localhost",
)


async def test_a_name_that_was_made_to_lead_here_is_refused(gateway: Gateway) -> None:
    """DNS rebinding: the browser takes the gateway for the page's own server."""
    for host, (method, path) in product(UNKNOWN, (("GET", "/v1/videos"), *CHANGES)):
        home = {"Host": host, "Sec-Fetch-Site": "same-origin"}
        status, body = await raw(gateway, method, path, home)
        assert (status, body["error"]["code"]) == (403, "unknown_host"), (path, host)
        assert "REELGATE_ALLOWED_HOSTS" in body["detail"]
    assert (await raw(gateway, "GET", "/v1/models", {"Host": "evil.example"}))[0] == 403
    assert (await raw(gateway, "GET", "/health", {"Host": "evil.example"}))[0] == 200


async def test_every_name_of_this_machine_is_known(gateway: Gateway) -> None:
    for host in KNOWN:
        assert (await raw(gateway, "GET", "/v1/videos", {"Host": host}))[0] == 200, host


async def test_a_target_that_names_its_host_is_meant_for_that_host(gateway: Gateway) -> None:
    """The absolute form (RFC 9112, section 3.2.2): the header beside it does not count."""
    for target, host, status in (
        ("http://evil.example/v1/videos", "localhost", 403),
        ("http://evil.example:80/v1/videos?limit=1", "localhost", 403),
        ("http://localhost:8000/v1/videos?limit=1", "evil.example", 200),
        ("http://[::1]/v1/videos", "localhost", 200),
        ("http://localhost/v1/videos?limit=0", "localhost", 422),
        ("http://localhost/nothing", "localhost", 404),
    ):
        assert (await raw(gateway, "GET", target, {"Host": host}))[0] == status, target


async def test_two_hosts_are_none(gateway: Gateway) -> None:
    port = urlsplit(gateway.url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /v1/videos HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
    line = await reader.readline()
    writer.close()
    assert line.split()[1] in {b"400", b"403"}


@pytest.mark.parametrize(
    "settings",
    [
        {"allowed_hosts": "other.example, films.example"},
        {"allowed_hosts": "*"},
        {"public_url": "https://films.example/reelgate"},
        {"allow_open": True},
    ],
    ids=str,
)
async def test_the_operator_names_more_hosts(
    tmp_path: Path, sandbox_url: str, settings: dict[str, object]
) -> None:
    async with a_gateway(tmp_path, sandbox_url, **settings) as gateway:
        status, _ = await raw(gateway, "GET", "/v1/videos", {"Host": "Films.Example.:443"})
        assert status == 200


async def test_an_open_gateway_answers_to_named_hosts_only_where_some_are_named(
    tmp_path: Path, sandbox_url: str
) -> None:
    named = {"allow_open": True, "allowed_hosts": "localhost"}
    async with a_gateway(tmp_path, sandbox_url, **named) as gateway:
        status, body = await raw(gateway, "GET", "/v1/videos", {"Host": "evil.example"})
        assert (status, body["error"]["code"]) == (403, "unknown_host")


PROXIED = (
    {"Forwarded": "for=192.0.2.60;proto=http;by=203.0.113.43"},
    {"X-Forwarded-For": "192.0.2.60"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": ""},
    {"X-Forwarded-Host": "films.example"},
    {"X-Forwarded-Proto": "https"},
    {"X-FORWARDED-Anything": "1"},
    {"X-Real-IP": "192.0.2.60"},
    {"CF-Connecting-IP": "192.0.2.60"},
    {"Via": "1.1 caddy"},
)


async def test_what_a_proxy_forwards_counts_as_from_outside(gateway: Gateway) -> None:
    for headers, (method, path) in product(PROXIED, (("GET", "/v1/videos"), *CHANGES)):
        reply = await gateway.call(method, path, json={}, headers=headers)
        assert (reply.status, reply.code) == (403, "proxied_request"), (path, headers)
        assert "REELGATE_ALLOW_OPEN=true" in reply.body["detail"]
    assert (await gateway.call("GET", "/health", headers=PROXIED[0])).status == 200


async def test_one_setting_opens_a_gateway_behind_a_platform_s_proxy(
    tmp_path: Path, sandbox_url: str
) -> None:
    proxy = {
        "Host": "films.up.railway.app",
        "X-Forwarded-For": "192.0.2.60",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "films.up.railway.app",
    }
    own_page = proxy | {"Origin": "https://films.up.railway.app"}
    rewritten = {"Origin": "https://films.example", "Sec-Fetch-Site": "same-origin"}
    async with a_gateway(tmp_path, sandbox_url, host="0.0.0.0", allow_open=True) as gateway:
        local = Gateway(
            gateway.url.replace("localhost", "127.0.0.1"),
            gateway.session,
            gateway.data_dir,
            sandbox_url,
        )
        for headers in (proxy, own_page, rewritten):
            reply = await local.call("DELETE", MISSING, headers=headers)
            assert reply.status == 404, headers
            assert (await local.call("GET", "/v1/videos", headers=headers)).status == 200
        foreign = proxy | {"Origin": PAGE}
        reply = await local.call("DELETE", MISSING, headers=foreign)
        assert (reply.status, reply.code) == (403, "foreign_origin")


async def test_with_keys_the_key_alone_decides(tmp_path: Path, sandbox_url: str) -> None:
    key = await a_key(tmp_path, "alice")
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        for headers in ({"Host": "evil.example"}, *FOREIGN, *PROXIED):
            reply = await gateway.call("DELETE", MISSING, headers=headers | key)
            assert (reply.status, reply.code) == (404, "video_not_found"), headers
            listed = await gateway.call("GET", "/v1/videos", headers=headers | key)
            assert listed.status == 200
            reply = await gateway.call("DELETE", MISSING, headers=headers)
            assert (reply.status, reply.code) == (401, "invalid_api_key")


async def raw(
    gateway: Gateway, method: str, path: str, headers: dict[str, str]
) -> tuple[int, dict[str, dict[str, str]]]:
    """A call whose head is written as it stands: no client sends some of these hosts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(gateway.url).port)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "Connection: close", "", ""])
    writer.write(head.encode())
    answer = await reader.read()
    writer.close()
    first, _, body = answer.partition(b"\r\n\r\n")
    return int(first.split()[1]), json.loads(body)
