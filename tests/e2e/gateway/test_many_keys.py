"""Twenty keys with mixed limits at once: none exceeds its own, and none starves."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.databases import databases
from tests.e2e.processes.gateways import most_at_once
from tests.gateway import Gateway, Json, Reply, a_gateway, a_prompt, read_rows, until

KEY = "rg_" + "".join(chr(97 + each % 26) for each in range(40))
OPERATOR = {"Authorization": f"Bearer {KEY}"}
TRIES = 3
COST = 5
"""Credits of a short video: as the stand-in charges, and as is learned from the first one."""
KINDS: tuple[tuple[dict[str, int], int], ...] = (
    # limits, how many of its tries a key gets
    ({}, TRIES),
    ({"credits_per_day": 2 * COST}, 2),
    ({"credits_per_month": 2 * COST - 1, "max_in_flight": 9}, 1),
    ({"max_in_flight": 1}, TRIES),
    ({"rpm": 2}, 2),
)
OF_EACH = 4


@pytest.fixture
async def gateways(
    tmp_path: Path, sandbox_url: str, database_kind: str
) -> AsyncIterator[list[Gateway]]:
    """One with a file; two on one Postgres."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(
            a_gateway(tmp_path, sandbox_url, bootstrap_key=KEY, keep="off")
        )
        if database_kind == "sqlite":
            yield [first]
            return
        url = databases.url_of(tmp_path)
        second = a_gateway(
            tmp_path / "two", sandbox_url, bootstrap_key=KEY, database_url=url, keep="off"
        )
        yield [first, await stack.enter_async_context(second)]


async def videos_of(gateway: Gateway, key: Json) -> int:
    """How many videos a key is given that asks for several at once.

    Where it has too many under way it asks again; what it has spent it has spent.
    """
    headers = {"Authorization": f"Bearer {key['key']}"}

    async def ask() -> bool:
        prompt = a_prompt()

        async def is_answered() -> bool:
            answers.append(await gateway.generate(prompt, headers=headers))
            return "under way" not in answers[-1].text

        answers: list[Reply] = []
        await until(is_answered)
        return answers[-1].status == 200

    return sum(await asyncio.gather(*(ask() for _ in range(TRIES))))


@pytest.mark.both_databases
async def test_of_twenty_keys_none_exceeds_its_own_and_none_starves(
    gateways: list[Gateway], tmp_path: Path
) -> None:
    assert (await gateways[0].generate(a_prompt(), headers=OPERATOR)).status == 200
    keys, granted = [], []
    for number, (limits, most) in enumerate(KINDS * OF_EACH):
        body = {"name": f"key {number}", **limits}
        made = await gateways[0].call("POST", "/v1/keys", json=body, headers=OPERATOR)
        keys.append(made.body)
        granted.append(most)

    async def is_known_everywhere() -> bool:
        headers = {"Authorization": f"Bearer {keys[0]['key']}"}
        replies = [await each.call("GET", "/v1/models", headers=headers) for each in gateways]
        return all(reply.status == 200 for reply in replies)

    await until(is_known_everywhere)
    ways = itertools.cycle(gateways)
    given = await asyncio.gather(*(videos_of(next(ways), key) for key in keys))
    assert given == granted
    told = await gateways[-1].call("GET", "/v1/usage?by=key", headers=OPERATOR)
    spent = {line["key"]: line["credits"] for line in told.body["data"]}
    assert [spent[key["id"]] for key in keys] == [COST * count for count in granted]
    rows = read_rows(tmp_path)
    for key in keys:
        # From after the admission until before the end is committed.
        spans = [
            (row["submitting_at"], row["completed_at"]) for row in rows if row["owner"] == key["id"]
        ]
        assert most_at_once(spans) <= (key["max_in_flight"] or TRIES)
