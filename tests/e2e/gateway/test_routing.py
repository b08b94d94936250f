"""Virtual models, over two accounts at stand-ins of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from reelgate.domain.routing import Goal, Target, VirtualModel
from reelgate.sandbox import Sandbox
from reelgate.sandbox.fault_rule import make_rule
from reelgate.sandbox.recorder import Outcome
from tests.gateway import (
    SHORT,
    TINY,
    Gateway,
    a_gateway,
    a_prompt,
    a_token,
    an_account,
    until,
)

MODEL = "imagine-text-to-video"
PRICED = "wan-2.2"
"""Costs 30 credits, whatever else a request says."""
TOKEN = a_token(userId="u")
BEST = VirtualModel("best", (Target(f"north/{MODEL}"), Target(f"south/{MODEL}")))


@asynccontextmanager
async def routed(
    tmp_path: Path, virtual: VirtualModel = BEST
) -> AsyncIterator[tuple[Gateway, Sandbox, Sandbox]]:
    """A gateway with a virtual model over an account at each of two stand-ins."""
    async with Sandbox(TINY) as north, Sandbox(TINY) as south:
        accounts = {"north": an_account(north.url, TOKEN), "south": an_account(south.url, TOKEN)}
        async with a_gateway(
            tmp_path, north.url, providers=accounts, virtual_models={virtual.name: virtual}
        ) as gateway:
            yield gateway, north, south


async def make(gateway: Gateway, prompt: str, **headers: str) -> dict[str, Any]:
    """The video of a request to the virtual model, once somebody has accepted it."""
    body = {"prompt": prompt, "model": "best"}
    reply = await gateway.call("POST", "/v1/videos", json=body, headers=headers)
    assert reply.status == 200, reply.text
    video: dict[str, Any] = {}

    async def is_accepted() -> bool:
        video.update((await gateway.call("GET", f"/v1/videos/{reply.body['id']}")).body)
        return video["reelgate"]["provider_id"] is not None

    await until(is_accepted)
    return video


def accepted(sandbox: Sandbox) -> int:
    return len(sandbox.jobs)


@pytest.mark.both_databases
async def test_the_next_target_is_paid_once_when_the_first_surely_refused(tmp_path: Path) -> None:
    async with routed(tmp_path) as (gateway, north, south):
        north.faults.arm(make_rule("402", operation="submit"))
        video = await make(gateway, a_prompt())
        assert (accepted(north), accepted(south)) == (0, 1)
        route = video["reelgate"]["route"]
        assert (video["model"], video["reelgate"]["provider"]) == (f"south/{MODEL}", "south")
        assert (route["asked"], route["chosen"]) == ("best", f"south/{MODEL}")
        assert [each["model"] for each in route["passed_over"]] == [f"north/{MODEL}"]
        assert "credits" in route["passed_over"][0]["why"]
        # It is not even asked for the next one.
        await make(gateway, a_prompt())
        assert north.recorder.count(make_rule("402").operation, Outcome.REFUSED) <= 1
        assert accepted(south) == 2


async def test_a_submit_whose_answer_was_lost_goes_to_nobody_else(tmp_path: Path) -> None:
    async with routed(tmp_path) as (gateway, north, south):
        north.faults.arm(make_rule("reset-after", operation="submit"))
        await gateway.call("POST", "/v1/best/generations", json={"prompt": a_prompt(), **SHORT})
        assert (accepted(north), accepted(south)) == (1, 0)


async def test_it_is_listed_with_what_any_target_takes(tmp_path: Path) -> None:
    async with routed(tmp_path) as (gateway, _, _):
        reply = await gateway.call("GET", "/v1/models/best")
        assert (reply.status, reply.body["id"]) == (200, "best")
        of_target = (await gateway.call("GET", f"/v1/models/north/{MODEL}")).body["capabilities"]
        told = reply.body["capabilities"]
        assert told["durations"] == of_target["durations"]
        assert told["defaults"]["duration"] is None


async def test_an_equal_request_finds_the_job_that_was_handed_on(tmp_path: Path) -> None:
    async with routed(tmp_path) as (gateway, north, south):
        north.faults.arm(make_rule("402", operation="submit"))
        prompt = a_prompt()
        first = await make(gateway, prompt, **{"Idempotency-Key": "k-1"})
        again = await make(gateway, prompt, **{"Idempotency-Key": "k-1"})
        assert (first["id"], accepted(south)) == (again["id"], 1)


async def test_a_request_goes_to_no_target_dearer_than_it_says(tmp_path: Path) -> None:
    """Not at first, and not when the one that is cheap enough refuses."""
    async with Sandbox(TINY) as north, Sandbox(TINY) as south:
        accounts = {
            "north": an_account(north.url, TOKEN, usd_per_credit="1"),
            "south": an_account(south.url, TOKEN, usd_per_credit="0.01"),
        }
        targets = tuple(Target(f"{account}/{PRICED}") for account in accounts)
        virtual = {"best": VirtualModel("best", targets)}
        async with a_gateway(
            tmp_path, north.url, providers=accounts, virtual_models=virtual
        ) as gateway:
            south.faults.arm(make_rule("402", operation="submit"))
            body = {"prompt": a_prompt(), "model": "best", "max_price": 1.0}
            reply = await gateway.call("POST", "/v1/videos", json=body)
            assert reply.status == 200, reply.text
            video: dict[str, Any] = {}

            async def is_over() -> bool:
                path = f"/v1/videos/{reply.body['id']}"
                video.update((await gateway.call("GET", path)).body)
                return bool(video["status"] == "failed")

            await until(is_over)
            assert video["error"]["code"] == "insufficient_credits"
            [passed] = video["reelgate"]["route"]["passed_over"]
            assert passed["model"] == f"north/{PRICED}"
            assert "max_price is $1.00" in passed["why"]
            poor = body | {"max_price": 0.0001}
            refused = await gateway.call("POST", "/v1/videos", json=poor)
            assert (refused.status, refused.code) == (403, "price_refused")
            assert accepted(north) == accepted(south) == 0


async def test_where_all_rest_the_video_waits_and_is_made(tmp_path: Path) -> None:
    async with routed(tmp_path) as (gateway, north, south):
        for sandbox in (north, south):
            rule = make_rule("429", operation="submit", parameters={"retry-after": 1, "times": 1})
            sandbox.faults.arm(rule)
        await make(gateway, a_prompt())
        assert accepted(north) + accepted(south) == 1


async def test_what_no_target_can_make_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    goal = VirtualModel("best", BEST.targets, Goal.CHEAPEST)
    async with routed(tmp_path, goal) as (gateway, north, south):
        body = {"prompt": a_prompt(), "model": "best", "seconds": "59"}
        reply = await gateway.call("POST", "/v1/videos", json=body)
        assert (reply.status, reply.code) == (422, "invalid_request")
        assert "59" in reply.text
        assert accepted(north) == accepted(south) == 0
