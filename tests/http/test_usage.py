"""What a video would cost, what videos have cost, and the limits of the keys between the two."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.providers.registry import PROVIDERS
from tests.gateway import SHORT, Gateway, Json, Reply, a_gateway, a_prompt, until

from .test_keys import MODEL, OPERATOR, bearer, make
from .test_sessions import KEY

pytestmark = pytest.mark.both_databases

STEADY = "veo-3.1-lite-generate-preview"
"""Has a price in dollars, and a provider that never tells what it charged."""
COST = 0.2
"""For 4 s, the shortest."""
LEARNED = 5
"""Credits: what the stand-in charges for a short video whose price nobody knows before."""


@pytest.fixture
async def gateway(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Gateway]:
    """A gateway with an operator's key, which knows what a credit costs it."""
    credits_of = {"_env_file": None, "usd_per_credit": "0.01"}
    providers = {
        "imagine": ImagineSettings.model_validate(credits_of),
        "gemini": PROVIDERS["gemini"].settings.model_validate({"_env_file": None}),
    }
    settings = {"bootstrap_key": KEY, "providers": providers}
    async with a_gateway(tmp_path, sandbox_url, **settings) as running:
        yield running


async def estimate(gateway: Gateway, headers: dict[str, str], **fields: object) -> Reply:
    body = {"prompt": a_prompt(), **fields}
    return await gateway.call("POST", "/v1/videos/estimate", json=body, headers=headers)


async def generate(gateway: Gateway, key: Json, model: str = STEADY, directives: str = "") -> Reply:
    fields = {"duration": 4} if model == STEADY else SHORT
    body = {"prompt": a_prompt(directives), **fields}
    path = f"/v1/{model}/generations"
    return await gateway.call("POST", path, json=body, headers=bearer(key))


async def usage(gateway: Gateway, query: str, headers: dict[str, str]) -> Reply:
    return await gateway.call("GET", f"/v1/usage?{query}", headers=headers)


async def test_an_estimate_tells_price_time_and_what_would_be_sent(gateway: Gateway) -> None:
    told = (await estimate(gateway, OPERATOR, model=STEADY, duration=8)).body
    assert told["price"] == {"amount": 2 * COST, "unit": "usd", "certainty": "seen"}
    assert (told["model"], told["price_usd"], told["refusal"]) == (STEADY, 2 * COST, None)
    sent = told["upstream_request"]
    assert (sent["method"], sent["json"]["parameters"]["durationSeconds"]) == ("POST", 8)
    seed = (await estimate(gateway, OPERATOR, model=MODEL, **SHORT)).body
    assert (seed["price"], seed["times"]) == (None, None)
    assert 0 < seed["typical_s"][0] < seed["typical_s"][1]
    for _ in range(3):
        assert (await gateway.generate(a_prompt(), headers=OPERATOR)).status == 200
    learned = (await estimate(gateway, OPERATOR, model=MODEL, **SHORT)).body
    assert learned["price"] == {"amount": LEARNED, "unit": "credits", "certainty": "learned"}
    assert learned["price_usd"] == LEARNED / 100
    assert ["duration", "5"] in learned["upstream_request"]["form"]
    assert learned["times"]["p10_s"] <= learned["times"]["p50_s"] <= learned["times"]["p90_s"]
    wrong = await estimate(gateway, OPERATOR, model=MODEL, duration=7)
    assert (wrong.status, wrong.body["error"]["param"]) == (422, "duration")
    assert len((await gateway.call("GET", "/v1/videos", headers=OPERATOR)).body["data"]) == 3


async def test_a_key_with_a_spend_limit_pays_no_unknown_price_unless_it_is_let(
    gateway: Gateway,
) -> None:
    poor = await make(gateway, max_price_usd=0.1)
    unsure = await make(gateway, credits_per_month=100)
    in_dollars = await make(gateway, usd_per_day=0.05, max_price_credits=LEARNED)
    for key, model, says in (
        (poor, STEADY, "costs $0.20 with these settings: this API key pays at most $0.10"),
        (unsure, MODEL, "has an unknown price"),
        (unsure, STEADY, "the price $0.20"),
        (in_dollars, MODEL, "max_price limit of this API key is in credits"),
    ):
        reply = await generate(gateway, key, model)
        assert (reply.status, reply.code) == (403, "price_refused")
        assert says in reply.body["detail"]
        fields = {"duration": 4} if model == STEADY else SHORT
        told = (await estimate(gateway, bearer(key), model=model, **fields)).body
        assert told["refusal"] == {"code": "price_refused", "message": reply.body["detail"]}
    path = f"/v1/keys/{unsure['id']}"
    body = {"allow_unpriced": True}
    assert (await gateway.call("POST", path, json=body, headers=OPERATOR)).status == 200
    assert (await generate(gateway, unsure, MODEL)).status == 200

    async def is_learned() -> bool:
        """In dollars by what a credit costs: there is room for one."""
        return (await generate(gateway, in_dollars, MODEL)).status == 200

    await until(is_learned)
    assert (await generate(gateway, in_dollars, MODEL)).status == 429


async def test_a_request_says_what_its_video_may_cost(gateway: Gateway) -> None:
    prompt = a_prompt()
    body = {"prompt": prompt, "model": STEADY, "duration": 4}
    keyed = OPERATOR | {"Idempotency-Key": "the-cat"}

    async def ask(path: str, headers: dict[str, str], **fields: object) -> Reply:
        return await gateway.call("POST", path, json=body | fields, headers=headers)

    refused = await ask("/v1/videos", OPERATOR, max_price=0.19)
    assert (refused.status, refused.code) == (403, "price_refused")
    assert refused.body["error"]["param"] == "max_price"
    assert "costs $0.20 with these settings: max_price is $0.19" in refused.body["detail"]
    told = (await ask("/v1/videos/estimate", OPERATOR, max_price=0.19)).body
    assert told["refusal"] == {"code": "price_refused", "message": refused.body["detail"]}
    blocking = {"prompt": prompt, "duration": 4, "max_price": 0.19}
    path = f"/v1/{STEADY}/generations"
    assert (await gateway.call("POST", path, json=blocking, headers=OPERATOR)).status == 403
    wrong = await ask("/v1/videos", OPERATOR, max_price=-1)
    assert (wrong.status, wrong.body["error"]["param"]) == (422, "max_price")
    made = await ask("/v1/videos", keyed, max_price=0.2)
    assert made.status == 200
    # The same request is the same video; with another limit it is another request.
    assert (await ask("/v1/videos", keyed, max_price="0.2")).body["id"] == made.body["id"]
    assert (await ask("/v1/videos", keyed, max_price=0.3)).code == "idempotency_mismatch"
    assert len((await gateway.call("GET", "/v1/videos", headers=OPERATOR)).body["data"]) == 1


async def test_an_unknown_price_is_above_every_max_price_unless_the_request_says_otherwise(
    gateway: Gateway,
) -> None:
    body = {"prompt": a_prompt(), "model": MODEL, **SHORT, "max_price": 5}
    refused = await gateway.call("POST", "/v1/videos", json=body, headers=OPERATOR)
    assert (refused.status, refused.code) == (403, "price_refused")
    assert "unknown price" in refused.body["detail"]
    assert "allow_unpriced" in refused.body["detail"]
    lenient = body | {"allow_unpriced": True}
    assert (await gateway.call("POST", "/v1/videos", json=lenient, headers=OPERATOR)).status == 200


async def test_what_is_expected_is_reserved_and_what_is_deleted_stays_spent(
    gateway: Gateway,
) -> None:
    """Room for two: of five at once two are made, also once one of them is gone."""
    key = await make(gateway, usd_per_day=2.5 * COST)
    replies = await asyncio.gather(*(generate(gateway, key) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 200, 429, 429, 429]
    refused = next(reply for reply in replies if reply.status == 429)
    assert "costs $0.20, and this API key has $0.10 left" in refused.body["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 86400
    listed = (await gateway.call("GET", "/v1/videos", headers=bearer(key))).body["data"]
    path = f"/v1/videos/{listed[0]['id']}"
    assert (await gateway.call("DELETE", path, headers=bearer(key))).status == 200
    assert (await generate(gateway, key)).status == 429
    told = (await usage(gateway, "by=key", bearer(key))).body
    numbers = {"jobs": 2, "completed": 2, "failed": 0, "credits": 0, "usd": 0.4, "unpriced": 0}
    assert told["total"] == numbers


async def test_what_is_told_settles_what_was_expected_and_a_sure_refusal_costs_nothing(
    gateway: Gateway,
) -> None:
    """The published price is 215 credits; the stand-in charges less, and tells so."""
    key = await make(gateway, credits_per_day=230)
    for directives, status in (("[[402]]", 402), ("", 200), ("", 200)):
        body = {"prompt": a_prompt(directives)}
        path = "/v1/ltx-2.3/generations"
        assert (await gateway.call("POST", path, json=body, headers=bearer(key))).status == status
    total = (await usage(gateway, "by=model", bearer(key))).body["total"]
    assert (total["jobs"], total["failed"]) == (3, 1)
    assert 0 < total["credits"] <= 30


async def test_usage_is_a_keys_own_and_an_operators_all_in_json_and_csv(gateway: Gateway) -> None:
    alice, bob = await make(gateway, name="=alice"), await make(gateway, name="bob")
    for key in (alice, alice, bob):
        assert (await generate(gateway, key)).status == 200
    today = datetime.now(UTC).date().isoformat()
    told = (await usage(gateway, f"since={today}&by=key,day", OPERATOR)).body
    lines: list[dict[str, Any]] = told["data"]
    assert [(each["day"], each["key_name"], each["jobs"]) for each in lines] == [
        (today, "=alice", 2),
        (today, "bob", 1),
    ]
    assert (told["total"]["jobs"], told["total"]["usd"]) == (3, 0.6)
    own = (await usage(gateway, "by=model,key", bearer(alice))).body["data"]
    assert [(each["model"], each["key"], each["jobs"]) for each in own] == [
        (STEADY, alice["id"], 2)
    ]
    one = (await usage(gateway, f"key={bob['id']}&by=provider", OPERATOR)).body["data"]
    assert [each["jobs"] for each in one] == [1]
    assert (await usage(gateway, "until=2020-01-01&since=2019-12-31", OPERATOR)).body["data"] == []
    for reply in (
        await usage(gateway, "format=csv", OPERATOR),
        await usage(gateway, "", OPERATOR | {"Accept": "text/csv"}),
    ):
        assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(reply.text)))
        assert {(row["key_name"], row["jobs"]) for row in rows} == {("'=alice", "2"), ("bob", "1")}


async def test_what_usage_cannot_be_told_by_is_named(gateway: Gateway) -> None:
    key = await make(gateway)
    for query, param in (
        ("by=week", "by"),
        ("since=yesterday", "since"),
        ("since=2026-02-30", "since"),
        ("since=2026-11-02&until=2026-11-01", "since"),
        ("until=0", "until"),
        ("format=xml", "format"),
        ("key=key_bootstrap", "key"),
    ):
        reply = await usage(gateway, query, bearer(key))
        assert (reply.status, reply.body["error"]["param"]) == (422, param)
