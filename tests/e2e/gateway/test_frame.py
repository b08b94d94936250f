"""What surrounds the videos: models, health, documentation, and the marks on every answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from reelgate.version import VERSION
from tests.gateway import GENERATIONS, Gateway, a_gateway, a_prompt

ADDRESS = re.compile(r"""(?:src|href)\s*=\s*["']([^"']+)["']|url:\s*['"]([^'"]+)['"]""")
SEED = "imagine-text-to-video"


@pytest.fixture
async def idle(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Gateway]:
    async with a_gateway(tmp_path, sandbox_url) as gateway:
        yield gateway


async def test_health_tells_that_it_is_a_sandbox_and_how_much_is_open(idle: Gateway) -> None:
    reply = await idle.call("GET", "/health")
    assert reply.status == 200
    expected = {"status": "ok", "version": VERSION, "sandbox": True, "jobs_open": 0}
    assert expected.items() <= reply.body.items()
    await idle.generate(a_prompt("[[never]]"), headers={"Prefer": "respond-async"})
    assert (await idle.call("GET", "/health")).body["jobs_open"] == 1


async def test_the_specified_model_is_listed_with_its_capabilities(idle: Gateway) -> None:
    listed = (await idle.call("GET", "/v1/models")).body
    assert listed["object"] == "list"
    [model] = [model for model in listed["data"] if model["id"] == SEED]
    assert (model["object"], model["created"]) == ("model", 1704067200)
    assert model["owned_by"] == "imagine.art"
    taken = model["capabilities"]
    assert taken["durations"] == [5, 6, 12]
    assert taken["resolutions"] == ["720p", "1080p"]
    assert taken["aspect_ratios"] == ["16:9", "9:16", "4:3", "1:1"]
    assert taken["defaults"] == {
        "aspect_ratio": "16:9",
        "duration": 12,
        "resolution": "1080p",
        "style_id": 60503,
        "is_enhance": True,
    }
    assert (await idle.call("GET", f"/v1/models/{SEED}")).body == model


async def test_every_listed_model_can_be_asked_for_by_itself(idle: Gateway) -> None:
    for model in (await idle.call("GET", "/v1/models")).body["data"]:
        assert (await idle.call("GET", f"/v1/models/{model['id']}")).body == model


async def test_an_unknown_model_is_not_found(idle: Gateway) -> None:
    reply = await idle.call("GET", "/v1/models/nobody")
    assert (reply.status, reply.code) == (404, "model_not_found")


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_the_documentation_needs_no_internet(idle: Gateway, page: str) -> None:
    reply = await idle.call("GET", page)
    assert reply.status == 200
    addresses = {first or second for first, second in ADDRESS.findall(reply.text)}
    assert addresses
    for address in addresses:
        there = urljoin(idle.url + page, address)
        assert urlsplit(there).netloc == urlsplit(idle.url).netloc, address
        async with idle.session.get(there) as response:
            assert response.status == 200, address
            assert await response.read()


async def test_the_openapi_document_has_the_specified_route(idle: Gateway) -> None:
    document = (await idle.call("GET", "/openapi.json")).body
    operation = document["paths"][GENERATIONS]["post"]
    assert operation["requestBody"]["required"]
    assert "/v1/{model}/generations" in document["paths"]


async def test_a_browser_may_call_from_any_page(idle: Gateway) -> None:
    asked = {
        "Origin": "https://page.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, prefer, authorization",
    }
    allowed = await idle.call("OPTIONS", GENERATIONS, headers=asked)
    assert allowed.status == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert "prefer" in allowed.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in allowed.headers


@pytest.mark.parametrize("body", [{}, {"prompt": "[[402]]"}])
async def test_a_browser_may_read_errors_and_our_headers(
    tmp_path: Path, sandbox_url: str, body: dict[str, str]
) -> None:
    origin = {"Origin": "https://page.example"}
    async with a_gateway(tmp_path, sandbox_url, cors_origins="*,https://page.example") as gateway:
        reply = await gateway.call("POST", GENERATIONS, json=body, headers=origin)
    assert reply.status in {402, 422}
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    exposed = set(reply.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed >= {
        "Location",
        "Preference-Applied",
        "Reelgate-Attached",
        "Reelgate-Sandbox",
        "Reelgate-Video-Id",
        "Retry-After",
        "X-Request-Id",
    }


async def test_only_named_pages_may_call_where_the_settings_name_some(
    tmp_path: Path, sandbox_url: str
) -> None:
    origins = "https://one.example, https://two.example"
    async with a_gateway(tmp_path, sandbox_url, cors_origins=origins) as gateway:
        for origin, said in (
            ("https://two.example", "https://two.example"),
            ("https://three.example", None),
        ):
            reply = await gateway.call("GET", "/health", headers={"Origin": origin})
            assert reply.headers.get("Access-Control-Allow-Origin") == said


async def test_every_answer_has_an_id_and_says_that_it_is_a_sandbox_s(idle: Gateway) -> None:
    json_type = {"Content-Type": "application/json"}
    preflight = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    replies = [
        await idle.call("GET", "/health"),
        await idle.call("GET", "/docs"),
        await idle.call("GET", "/nowhere"),
        await idle.call("DELETE", GENERATIONS),
        await idle.call("POST", GENERATIONS, data=b"{", headers=json_type),
        await idle.call("POST", GENERATIONS, data=b"hello"),
        await idle.call("OPTIONS", GENERATIONS, headers=preflight),
        await idle.generate(a_prompt("[[402]]")),
        await idle.generate(a_prompt()),
        await idle.generate(a_prompt(), headers={"Prefer": "respond-async"}),
    ]
    statuses = [200, 200, 404, 405, 400, 415, 200, 402, 200, 202]
    assert [reply.status for reply in replies] == statuses
    ids = [reply.headers["X-Request-Id"] for reply in replies]
    assert len(set(ids)) == len(ids)
    assert {reply.headers["Reelgate-Sandbox"] for reply in replies} == {"true"}


async def test_without_a_sandbox_of_its_own_or_another_the_gateway_starts_one(
    tmp_path: Path,
) -> None:
    async with a_gateway(tmp_path) as gateway:
        reply = await gateway.generate(a_prompt("[[402]]"))
    assert reply.code == "insufficient_credits"
    assert (tmp_path / "sandbox").is_dir()
