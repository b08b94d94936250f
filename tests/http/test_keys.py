"""API keys over HTTP: what an operator does with them, and what they let their owners do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway import SHORT, Gateway, Json, Reply, a_gateway, a_prompt

from .test_sessions import KEY, signed_in

pytestmark = pytest.mark.both_databases

OPERATOR = {"Authorization": f"Bearer {KEY}"}
MODEL = "imagine-text-to-video"


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Gateway]:
    """A gateway with an operator's key."""
    async with a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY) as running:
        yield running


async def make(gateway: Gateway, **wanted: object) -> Json:
    """A new key, made by the operator."""
    body = {"name": "alice", **wanted}
    reply = await gateway.call("POST", "/v1/keys", json=body, headers=OPERATOR)
    assert reply.status == 200, reply.text
    return reply.body


def bearer(key: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}"}


async def operate(gateway: Gateway, method: str, path: str, body: Json = None) -> Reply:
    more = {} if body is None else {"json": body}
    return await gateway.call(method, f"/v1/keys{path}", headers=OPERATOR, **more)


async def ask(gateway: Gateway, key: Json, **fields: object) -> Reply:
    """Ask for a video that never ends."""
    body = {"prompt": a_prompt("[[never]]"), "model": MODEL, **SHORT, **fields}
    return await gateway.call("POST", "/v1/videos", json=body, headers=bearer(key))


async def status_of(gateway: Gateway, key: Json) -> int:
    return (await gateway.call("GET", "/v1/videos", headers=bearer(key))).status


async def test_a_keys_life(gateway: Gateway) -> None:
    """Made, listed, changed, rotated, and revoked: the gateway that did it knows at once."""
    key = await make(gateway, rpm=600, usd_per_day=2.5, models=["veo-*"], scopes=["read"])
    assert await status_of(gateway, key) == 200
    listed = (await operate(gateway, "GET", "")).body["data"]
    assert [each["id"] for each in listed] == ["key_bootstrap", key["id"]]
    secret = key.pop("key")
    assert listed[1] == key
    assert (key["usd_per_day"], key["models"], key["scopes"]) == (2.5, ["veo-*"], ["read"])
    path = f"/{key['id']}"
    changed = (await operate(gateway, "POST", path, {"rpm": None, "usd_per_month": 9})).body
    assert changed == key | {"rpm": None, "usd_per_month": 9}
    assert (await operate(gateway, "GET", path)).body == changed

    second = (await operate(gateway, "POST", f"{path}/rotate")).body
    assert second["previous_until"] > second["created_at"] + 86000
    third = (await operate(gateway, "POST", f"{path}/rotate", {"overlap_s": 60})).body
    assert [await status_of(gateway, {"key": each["key"]}) for each in (second, third)] == [200] * 2
    assert await status_of(gateway, {"key": secret}) == 401
    last = (await operate(gateway, "POST", f"{path}/rotate", {"overlap_s": 0})).body
    assert [await status_of(gateway, each) for each in (second, third, last)] == [401, 401, 200]

    assert (await operate(gateway, "DELETE", path)).body["revoked"] is True
    assert await status_of(gateway, last) == 401
    for method, more in (("GET", ""), ("POST", ""), ("POST", "/rotate"), ("DELETE", "")):
        reply = await operate(gateway, method, path + more, {} if method == "POST" else None)
        assert (reply.status, reply.code) == (404, "key_not_found")


async def test_a_session_and_a_link_live_as_long_as_the_secret_they_were_made_with(
    gateway: Gateway,
) -> None:
    key = await make(gateway)
    cookie = await signed_in(gateway, key["key"])
    video = (await ask(gateway, key)).body["id"]
    shared = await gateway.call("POST", f"/v1/videos/{video}/share", headers=bearer(key))
    link = "/shared/" + shared.body["url"].rpartition("/")[2]
    for overlap_s, status in ((60, 200), (0, 401)):
        body = {"overlap_s": overlap_s}
        key = (await operate(gateway, "POST", f"/{key['id']}/rotate", body)).body
        assert (await gateway.call("GET", "/v1/videos", headers=cookie)).status == status
        assert (await gateway.call("GET", link)).status == (200 if status == 200 else 404)
        # Of the secret before, which the second rotation makes work no more.
        cookie = await signed_in(gateway, key["key"]) if status == 401 else cookie


async def test_an_operator_reads_every_keys_videos_and_changes_only_its_own(
    gateway: Gateway,
) -> None:
    alice, bob = await make(gateway), await make(gateway, name="bob")
    hers, his = [(await ask(gateway, each)).body for each in (alice, bob)]
    assert (hers["reelgate"]["key"], his["reelgate"]["key"]) == (alice["id"], bob["id"])

    async def listed(query: str, headers: dict[str, str]) -> list[str]:
        reply = await gateway.call("GET", f"/v1/videos{query}", headers=headers)
        assert reply.status == 200, reply.text
        return [each["id"] for each in reply.body["data"]]

    for query, found in (
        ("", []),
        (f"?key={alice['id']}", [hers["id"]]),
        ("?key=all", [his["id"], hers["id"]]),
        ("?key=all&order=asc&limit=1", [hers["id"]]),
        (f"?key=all&after={his['id']}", [hers["id"]]),
        ("?key=", []),
        ("?key=key_nobody", []),
        ("?key=key_%00", []),
    ):
        assert await listed(query, OPERATOR) == found, query
    assert await listed(f"?key={alice['id']}", bearer(alice)) == [hers["id"]]
    for key, caller in (
        ("all", bearer(alice)),
        (bob["id"], bearer(alice)),
        ("", bearer(alice)),
        ("bob", OPERATOR),
    ):
        reply = await gateway.call("GET", f"/v1/videos?key={key}", headers=caller)
        assert (reply.status, reply.body["error"]["param"]) == (422, "key"), key
        assert repr(key) in reply.body["detail"]
    for path in ("", "/webhooks"):
        at = f"/v1/videos/{hers['id']}{path}"
        for caller, status in ((OPERATOR, 200), (bearer(bob), 404)):
            assert (await gateway.call("GET", at, headers=caller)).status == status
    for method, path in (("POST", "/cancel"), ("POST", "/share"), ("DELETE", "")):
        at = f"/v1/videos/{hers['id']}{path}"
        assert (await gateway.call(method, at, headers=OPERATOR)).status == 404
    assert (await gateway.call("GET", "/v1/videos", headers=OPERATOR)).body["data"] == []


async def test_an_expired_key_lets_nobody_in(gateway: Gateway) -> None:
    key = await make(gateway, expires_at=1.0)
    reply = await gateway.call("GET", "/v1/videos", headers=bearer(key))
    assert (reply.status, reply.code) == (401, "invalid_api_key")
    assert "expired" in reply.body["detail"]
    assert (await gateway.call("POST", "/session", json={"key": key["key"]})).status == 401
    await operate(gateway, "POST", f"/{key['id']}", {"expires_at": None})
    assert await status_of(gateway, key) == 200


SCOPED = (
    # method, path, the scope it takes
    ("GET", "/v1/videos", "read"),
    ("GET", "/v1/models", "read"),
    ("GET", "/v1/stats", "read"),
    ("POST", "/v1/videos", "make"),
    ("POST", "/v1/veo-3.1/generations", "make"),
    ("DELETE", "/v1/videos/video_0", "make"),
    ("POST", "/v1/videos/video_0/cancel", "make"),
    ("GET", "/v1/keys", "operate"),
    ("POST", "/v1/keys", "operate"),
)


@pytest.mark.parametrize("scope", ["make", "read", "operate"])
async def test_a_key_does_what_its_scopes_say_and_nothing_else(
    gateway: Gateway, scope: str
) -> None:
    key = await make(gateway, scopes=[scope])
    for method, path, takes in SCOPED:
        reply = await gateway.call(method, path, headers=bearer(key), json=["no request"])
        if takes == scope:
            assert reply.status in {200, 404, 422}, (path, reply.text)
        else:
            assert (reply.status, reply.code) == (403, "insufficient_scope"), path
            assert f"`{takes}`" in reply.body["detail"]
    session = await signed_in(gateway, key["key"])
    standing = (await gateway.call("GET", "/session", headers=session)).body
    assert standing["operator"] == (scope == "operate")


async def test_every_answer_to_a_limited_key_tells_what_is_left(gateway: Gateway) -> None:
    """The syntax of draft-ietf-httpapi-ratelimit-headers-11."""
    key = await make(gateway, rpm=2)
    paths = ("/v1/models", "/v1/videos/video_0", "/v1/models")
    replies = [await gateway.call("GET", path, headers=bearer(key)) for path in paths]
    assert {reply.headers["RateLimit-Policy"] for reply in replies} == {'"requests";q=2;w=60'}
    told = [reply.headers["RateLimit"].split(";t=") for reply in replies]
    assert [left for left, _ in told] == ['"requests";r=1', '"requests";r=0', '"requests";r=0']
    assert [reply.status for reply in replies] == [200, 404, 429]
    assert all(0 < int(more_in_s) <= 30 for _, more_in_s in told)
    assert replies[-1].headers["Retry-After"] == told[-1][1]
    free = await gateway.call("GET", "/v1/models", headers=OPERATOR)
    assert "RateLimit" not in free.headers


BAD: tuple[tuple[Json, str], ...] = (
    ({"name": ""}, "name"),
    ({"name": "a\u0007b"}, "name"),
    ({"name": "a", "rpm": 0}, "rpm"),
    ({"name": "a", "rpm": 1.5}, "rpm"),
    ({"name": "a", "usd_per_day": -1}, "usd_per_day"),
    ({"name": "a", "usd_per_day": "5"}, "usd_per_day"),
    ({"name": "a", "scopes": []}, "scopes"),
    ({"name": "a", "scopes": ["admin"]}, "scopes"),
    ({"name": "a", "models": [""]}, "models"),
    ({"name": "a", "expires_at": "tomorrow"}, "expires_at"),
    ({"name": "a", "credit_per_day": 5}, "credit_per_day"),
    ({}, "name"),
)


async def test_a_wrong_key_is_refused_by_field(gateway: Gateway) -> None:
    for body, field in BAD:
        reply = await operate(gateway, "POST", "", body)
        assert (reply.status, reply.body["error"]["param"]) == (422, field), reply.text
    assert len((await operate(gateway, "GET", "")).body["data"]) == 1
    reply = await operate(gateway, "POST", "/key_bootstrap/rotate")
    assert (reply.status, reply.code) == (422, "invalid_request")
    assert "REELGATE_BOOTSTRAP_KEY" in reply.body["detail"]


async def test_a_key_asks_for_its_models_only(gateway: Gateway) -> None:
    for allowed in ([MODEL], [f"*/{MODEL}"], ["imagine-*"]):
        key = await make(gateway, models=allowed)
        assert (await ask(gateway, key)).status == 200
        listed = (await gateway.call("GET", "/v1/models", headers=bearer(key))).body["data"]
        assert {each["alias_of"] or each["id"] for each in listed} == {MODEL}
        reply = await ask(gateway, key, model="ltx-2.3")
        assert (reply.status, reply.code) == (422, "invalid_request")
        body: dict[str, Any] = {"prompt": a_prompt(), "model": "ltx-2.3"}
        reply = await gateway.call("POST", "/v1/videos", json=body, headers=bearer(key))
        assert (reply.status, reply.code) == (403, "model_not_allowed")
        assert reply.body["error"]["param"] == "model"
        assert allowed[0] in reply.body["detail"]
