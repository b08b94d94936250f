"""An upstream account's limits hold for all gateways together, by the upstream's own record."""

from __future__ import annotations

import asyncio
import time

from reelgate.clock import SystemClock
from reelgate.db.api_keys import ApiKeys
from reelgate.db.database import open_database
from reelgate.domain.api_keys import Allowance, ApiKey, digest_of, new_key_id, new_secret
from reelgate.sandbox.fault_rule import make_rule
from tests.gateway import Gateway, a_prompt, soon, until

from .fleet import order
from .gateways import Gateways, most_at_once

REST_S = 2
ANSWER_S = 0.5


async def order_all(prompts: list[str], *takers: Gateway) -> None:
    """Jobs that nobody waits for, taken by these gateways in turn."""
    await asyncio.gather(
        *(order(takers[number % len(takers)], prompt) for number, prompt in enumerate(prompts))
    )


async def a_key(url: str, allowance: Allowance) -> dict[str, str]:
    """A new key, as the header that brings it, and as an owner."""
    secret, key_id = new_secret(), new_key_id()
    database = open_database(url)
    key = ApiKey(key_id, "a key", allowance, SystemClock().now())
    await ApiKeys(database).add(key, digest_of(secret))
    await database.close()
    return {"Authorization": f"Bearer {secret}"}


async def test_no_more_videos_are_under_way_than_the_account_may_have(gateways: Gateways) -> None:
    pair = [await gateways.start(max_in_flight=3) for _ in range(2)]
    prompts = [a_prompt("[[ready after=0.3]]") for _ in range(12)]
    await order_all(prompts, *pair)
    await gateways.until_all_are("completed")
    jobs = gateways.jobs()
    assert len(jobs) == len(prompts)
    assert most_at_once([(job["accepted_at"], job["ready_at"]) for job in jobs]) == 3


async def test_no_more_submits_wait_for_their_answer_than_may_be(gateways: Gateways) -> None:
    pair = [await gateways.start(max_submits=2) for _ in range(2)]
    prompts = [a_prompt("[[late after=0.3]]") for _ in range(8)]
    await order_all(prompts, *pair)
    await gateways.until_all_are("completed")
    sent = [request["at"] for request in gateways.requests("submit")]
    assert len(sent) == len(prompts)
    assert most_at_once([(at, at + 0.3) for at in sent]) == 2


async def test_a_429_that_one_gateway_was_given_lets_another_rest_and_then_try_one(
    gateways: Gateways,
) -> None:
    unlucky = a_prompt(f"[[429 retry-after={REST_S} times=1]]")

    async def was_refused() -> bool:
        rows = await gateways.rows(unlucky)
        return [(row["state"], row["attempts"]) for row in rows] == [("queued", 1)]

    async with gateways.one() as first:
        await order(first, unlucky)
        await until(was_refused)
    gateways.sandbox.faults.arm(make_rule("late", parameters={"after": ANSWER_S, "times": 1}))
    second = await gateways.start()
    prompts = [a_prompt() for _ in range(10)]
    await order_all(prompts, second)
    await gateways.until_all_are("completed")

    refused, tried, *others = [request["at"] for request in gateways.requests("submit")]
    assert tried >= refused + REST_S
    assert others[0] >= tried + ANSWER_S
    assert len(others) == len(prompts)


async def test_one_callers_many_jobs_do_not_starve_anothers_few_on_another_gateway(
    gateways: Gateways,
) -> None:
    greedy = await a_key(gateways.url, Allowance())
    modest = await a_key(gateways.url, Allowance())
    first = await gateways.start(max_in_flight=1)
    many = [a_prompt("[[ready after=0.05]]") for _ in range(40)]
    few = [a_prompt("[[ready after=0.05]]") for _ in range(4)]
    for prompt in many:
        await order(first, prompt, greedy)
    second = await gateways.start(max_in_flight=1)
    await asyncio.gather(*(order(second, prompt, modest) for prompt in few))
    await gateways.until_all_are("completed", *few)
    waiting = [row for row in await gateways.rows(*many) if row["state"] == "queued"]
    assert len(waiting) > len(many) / 4


async def test_a_429_to_a_poll_of_one_gateway_lets_anothers_polls_rest(gateways: Gateways) -> None:
    async def is_noted() -> bool:
        return bool((await gateways.account())["looks_rest_until"])

    async with gateways.one() as first:
        await order_all([a_prompt("[[never]]") for _ in range(10)], first)
        await gateways.until_all_are("rendering")
        parameters = {"retry-after": REST_S, "times": 1}
        rule = make_rule("429", operation="status", parameters=parameters)
        gateways.sandbox.faults.arm(rule)
        await until(is_noted)
    ended = time.time()
    await gateways.start()
    polls = gateways.requests("status")
    [refused] = [poll["at"] for poll in polls if poll["status"] == 429]
    await soon(lambda: gateways.requests("status")[-1]["at"] >= refused + REST_S)
    assert not [
        poll for poll in gateways.requests("status") if ended < poll["at"] < refused + REST_S
    ]


async def test_a_keys_requests_a_minute_are_counted_by_all_gateways(gateways: Gateways) -> None:
    key = await a_key(gateways.url, Allowance(rpm=4))
    pair = [await gateways.start() for _ in range(2)]
    calls = [pair[number % 2].call("GET", "/v1/videos", headers=key) for number in range(12)]
    replies = await asyncio.gather(*calls)
    assert sorted(reply.status for reply in replies) == [200] * 4 + [429] * 8
    for gateway in pair:
        reply = await gateway.call("GET", "/v1/videos", headers=key)
        assert (reply.status, reply.code) == (429, "rate_limited")
        assert 1 <= int(reply.headers["Retry-After"]) <= 15
