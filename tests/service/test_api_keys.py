"""Who may use a gateway, and how much of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from reelgate.clock import SystemClock
from reelgate.db.api_keys import ApiKeys
from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.domain.api_keys import (
    USUAL_SCOPES,
    Allowance,
    ApiKey,
    Scope,
    digest_of,
    new_key_id,
    new_secret,
)
from reelgate.sandbox import Sandbox
from tests.gateway import SHORT, TINY, Gateway, a_gateway, a_prompt, until

WRONG: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Bearer rg_wrong"},
    {"Authorization": "Basic abc"},
)


def keys(data_dir: Path, *arguments: str) -> str:
    """Run `reelgate keys` on a gateway's database, as its operator does while it runs."""
    done = subprocess.run(
        [sys.executable, "-m", "reelgate", "keys", *arguments],
        env={"REELGATE_DATA_DIR": str(data_dir), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


async def a_key(
    data_dir: Path,
    name: str,
    allowance: Allowance | None = None,
    scopes: frozenset[Scope] = USUAL_SCOPES,
) -> dict[str, str]:
    """A new key, as the header that brings it."""
    secret = new_secret()
    now = SystemClock().now()
    key = ApiKey(new_key_id(), name, allowance or Allowance(), now, scopes=scopes)
    database = open_database(f"sqlite:///{data_dir}/reelgate.sqlite")
    await migrate(database)
    await ApiKeys(database).add(key, digest_of(secret))
    await database.close()
    return {"Authorization": f"Bearer {secret}"}


async def create(gateway: Gateway, prompt: str, headers: dict[str, str]) -> tuple[int, str]:
    """Ask for a video's job; the status, and the job's id or the error's code."""
    body = {"prompt": prompt, **SHORT}
    reply = await gateway.call("POST", "/v1/videos", json=body, headers=headers)
    return reply.status, reply.body["id"] if reply.status == 200 else reply.code


async def test_without_any_key_everybody_on_this_machine_may_call(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        assert (await gateway.call("GET", "/v1/videos")).status == 200


async def test_a_gateway_open_to_others_without_keys_lets_nobody_in(tmp_path: Path) -> None:
    async with a_gateway(tmp_path, host="0.0.0.0") as gateway:
        reply = await gateway.call("GET", "/v1/videos")
        assert (reply.status, reply.code) == (401, "invalid_api_key")


async def test_with_a_key_every_route_asks_for_it_before_it_reads_the_request(
    tmp_path: Path,
) -> None:
    key = await a_key(tmp_path, "alice")
    async with a_gateway(tmp_path) as gateway:
        paths = (await gateway.call("GET", "/openapi.json")).body["paths"]
        for probe in ("/health", "/ready"):
            del paths[probe]
        routes = [(method, path) for path, methods in paths.items() for method in methods]
        assert len(routes) > 10
        for method, path in routes:
            for headers in WRONG:
                reply = await gateway.call(method, path, json=["no order"], headers=headers)
                assert (reply.status, reply.code) == (401, "invalid_api_key"), path
                assert reply.headers["WWW-Authenticate"] == 'Bearer realm="reelgate"'
            reply = await gateway.call(method, path, json=["no order"], headers=key)
            assert reply.status in {200, 403, 404, 415, 422}, path
        assert (await gateway.call("GET", "/health")).status == 200


async def test_a_key_made_while_the_gateway_runs_closes_it_within_seconds(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        key = await a_key(tmp_path, "alice")

        async def is_closed() -> bool:
            return (await gateway.call("GET", "/v1/videos")).status == 401

        await until(is_closed)
        assert (await gateway.call("GET", "/v1/videos", headers=key)).status == 200


async def test_an_operator_makes_lists_and_revokes_keys_and_no_secret_is_kept(
    tmp_path: Path,
) -> None:
    made = json.loads(keys(tmp_path, "create", "alice", "--rpm", "60", "--json"))
    listed = json.loads(keys(tmp_path, "list", "--json"))["data"]
    assert [(row["id"], row["name"], row["rpm"]) for row in listed] == [(made["id"], "alice", 60)]
    assert made["key"].startswith("rg_")
    assert made["key"] not in json.dumps(listed)
    assert made["key"].encode() not in (tmp_path / "reelgate.sqlite").read_bytes()
    header = {"Authorization": f"Bearer {made['key']}"}
    other = await a_key(tmp_path, "bob")
    async with a_gateway(tmp_path) as gateway:
        assert (await gateway.call("GET", "/v1/videos", headers=header)).status == 200
    keys(tmp_path, "revoke", made["id"])
    async with a_gateway(tmp_path) as gateway:
        assert (await gateway.call("GET", "/v1/videos", headers=header)).status == 401
        assert (await gateway.call("GET", "/v1/videos", headers=other)).status == 200


@pytest.mark.parametrize(
    "arguments",
    [("a", "--rpm", "2147483648"), ("a", "--credits-per-day", str(2**63)), ("a\udcff",)],
)
def test_a_key_that_no_database_holds_is_refused_in_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        keys(tmp_path, "create", *arguments)
    assert refused.value.returncode == 2
    assert "Traceback" not in refused.value.stderr


async def test_a_key_sees_its_own_videos_only(tmp_path: Path) -> None:
    alice, bob = await a_key(tmp_path, "alice"), await a_key(tmp_path, "bob")
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        _, video = await create(gateway, a_prompt(), alice)
        for path in ("", "/content", "/events"):
            reply = await gateway.call("GET", f"/v1/videos/{video}{path}", headers=bob)
            assert (reply.status, reply.code) == (404, "video_not_found")
        for method, path in (("POST", "/cancel"), ("DELETE", "")):
            reply = await gateway.call(method, f"/v1/videos/{video}{path}", headers=bob)
            assert reply.status == 404
        assert (await gateway.call("GET", "/v1/videos", headers=bob)).body["data"] == []
        listed = await gateway.call("GET", "/v1/videos", headers=alice)
        assert [row["id"] for row in listed.body["data"]] == [video]


async def test_the_same_idempotency_key_of_two_callers_makes_two_videos(tmp_path: Path) -> None:
    alice, bob = await a_key(tmp_path, "alice"), await a_key(tmp_path, "bob")
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        prompt, same = a_prompt(), {"Idempotency-Key": "order-1"}
        first = await create(gateway, prompt, alice | same)
        assert await create(gateway, prompt, alice | same) == first
        assert await create(gateway, prompt, bob | same) != first


async def test_too_many_requests_a_minute_are_told_when_to_come_back(tmp_path: Path) -> None:
    slow, free = await a_key(tmp_path, "slow", Allowance(rpm=3)), await a_key(tmp_path, "free")
    async with a_gateway(tmp_path) as gateway:
        statuses = [
            (await gateway.call("GET", "/v1/videos", headers=slow)).status for _ in range(3)
        ]
        assert statuses == [200, 200, 200]
        reply = await gateway.call("GET", "/v1/videos", headers=slow)
        assert (reply.status, reply.code) == (429, "rate_limited")
        assert 1 <= int(reply.headers["Retry-After"]) <= 20
        assert (await gateway.call("GET", "/v1/videos", headers=free)).status == 200


async def test_of_a_burst_only_as_many_videos_are_under_way_as_the_key_may_have(
    tmp_path: Path,
) -> None:
    key = await a_key(tmp_path, "alice", Allowance(max_in_flight=2))
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        prompts = [a_prompt("[[never]]") for _ in range(8)]
        answers = await asyncio.gather(*(create(gateway, prompt, key) for prompt in prompts))
        made = [video for status, video in answers if status == 200]
        refused = [code for status, code in answers if status == 429]
        assert (len(made), refused) == (2, ["rate_limited"] * 6)
        await gateway.call("POST", f"/v1/videos/{made[0]}/cancel", headers=key)
        assert (await create(gateway, a_prompt("[[never]]"), key))[0] == 200


async def test_a_key_that_has_spent_its_credits_waits_for_tomorrow(tmp_path: Path) -> None:
    key = await a_key(tmp_path, "alice", Allowance(credits_per_day=1, allow_unpriced=True))
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        assert (await gateway.generate(a_prompt(), headers=key)).status == 200
        reply = await gateway.generate(a_prompt(), headers=key)
        assert (reply.status, reply.code) == (429, "rate_limited")
        assert 1 <= int(reply.headers["Retry-After"]) <= 86400


async def test_a_full_gateway_says_so_and_sends_nothing(tmp_path: Path) -> None:
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path, sandbox.url, max_waiting=2) as gateway,
    ):
        prompts = [a_prompt("[[never]]") for _ in range(5)]
        answers = [await create(gateway, prompt, {}) for prompt in prompts]
        assert [status for status, _ in answers] == [200, 200, 503, 503, 503]
        assert answers[-1][1] == "overloaded"
        assert not await gateway.submits(prompts[-1])
