"""Callers of one job who wait at different gateways."""

from __future__ import annotations

import asyncio

from tests.gateway import GENERATIONS, SHORT, a_prompt, until

from .gateways import Gateways


async def test_a_job_that_one_of_its_callers_left_and_another_was_answered_is_not_adopted(
    gateways: Gateways,
) -> None:
    first, second = await gateways.start(), await gateways.start(heartbeat_s=0.05)
    prompt, key = a_prompt("[[ready after=1]]"), {"Idempotency-Key": "order-1"}

    async def caller_is(what: str) -> bool:
        return [row["caller"] for row in await gateways.rows(prompt)] == [what]

    leaving = asyncio.create_task(first.generate(prompt, headers=key))
    await until(lambda: caller_is("waiting"))
    body = {"prompt": prompt, **SHORT}
    # Its first heartbeat shows that it waits.
    async with second.session.post(second.url + GENERATIONS, json=body, headers=key) as staying:
        leaving.cancel()
        await until(lambda: caller_is("gone"))
        assert (await staying.json())["status"] == "COMPLETED"
    await until(lambda: caller_is("answered"))
    another = await first.generate(prompt)
    assert (another.attached, len(await first.accepted(prompt))) == (False, 2)
