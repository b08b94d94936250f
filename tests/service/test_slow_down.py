"""An account's limits, told by the upstream or by the operator."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from reelgate.sandbox import Sandbox
from reelgate.sandbox.fault_rule import make_rule
from tests.gateway import TINY, a_gateway, a_prompt, soon, until

IN_FLIGHT_S = 0.3
"""Looks that were on their way when the answer to one asked for a rest."""


async def test_one_429_slows_all_jobs_of_the_account_once(tmp_path: Path) -> None:
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        slowed = a_prompt("[[429 retry-after=1 times=1]]")
        first = asyncio.create_task(gateway.generate(slowed))
        await until(lambda: gateway.was_submitted(slowed))
        others = [a_prompt() for _ in range(20)]
        replies = await asyncio.gather(first, *(gateway.generate(prompt) for prompt in others))
        assert [reply.status for reply in replies] == [200] * 21
        refused = len([request for request in await gateway.requests() if request["status"] == 429])
        assert refused == 1
        assert len(await gateway.submits(slowed)) == 2


async def test_one_429_to_a_poll_slows_all_polls_of_the_account_once(tmp_path: Path) -> None:
    async with Sandbox(TINY) as sandbox, a_gateway(tmp_path, sandbox.url) as gateway:
        rule = make_rule("429", operation="status", parameters={"retry-after": 1, "times": 1})
        sandbox.faults.arm(rule)
        prompts = [a_prompt("[[ready after=0.5]]") for _ in range(30)]
        replies = await asyncio.gather(*(gateway.generate(prompt) for prompt in prompts))
        assert [reply.status for reply in replies] == [200] * len(prompts)
        polls = [poll for poll in sandbox.recorder if poll.operation == "status"]
        [refused] = [poll.at for poll in polls if poll.status == 429]
        assert not [poll.at for poll in polls if refused + IN_FLIGHT_S < poll.at < refused + 1]


async def test_no_more_videos_are_under_way_than_the_account_may_have(tmp_path: Path) -> None:
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path, sandbox.url, max_in_flight=2) as gateway,
    ):
        stuck = [a_prompt("[[never]]") for _ in range(2)]
        waiting = [asyncio.create_task(gateway.generate(prompt)) for prompt in stuck]
        await until(partial(gateway.was_accepted, stuck[0]))
        await until(partial(gateway.was_accepted, stuck[1]))
        third = a_prompt()
        asked = asyncio.create_task(gateway.generate(third))
        await soon(lambda: bool(gateway.rows(third)))
        assert not await gateway.was_submitted(third)
        [row] = gateway.rows(stuck[0])
        await gateway.call("POST", f"/v1/videos/{row['id']}/cancel")
        assert (await asked).status == 200
        assert (await waiting[0]).code == "cancelled"
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_video_cancelled_while_it_waits_for_its_turn_is_never_sent(tmp_path: Path) -> None:
    async with (
        Sandbox(TINY) as sandbox,
        a_gateway(tmp_path, sandbox.url, max_in_flight=1) as gateway,
    ):
        stuck, unlucky = a_prompt("[[never]]"), a_prompt()
        holding = asyncio.create_task(gateway.generate(stuck))
        await until(lambda: gateway.was_accepted(stuck))
        asked = asyncio.create_task(gateway.generate(unlucky))
        await soon(lambda: bool(gateway.rows(unlucky)))
        for prompt in (unlucky, stuck):
            [row] = gateway.rows(prompt)
            await gateway.call("POST", f"/v1/videos/{row['id']}/cancel")
        assert ((await asked).code, (await holding).code) == ("cancelled", "cancelled")
        assert not await gateway.was_submitted(unlucky)
