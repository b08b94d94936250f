"""One key's pictures that never come keep no other key's waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from reelgate.images.references import FairPermits
from reelgate.sandbox import Sandbox
from tests.gateway import Gateway, Reply, a_gateway, a_prompt, soon
from tests.http_servers import replying, serving
from tests.service.test_api_keys import a_key

from .pictures import MODEL, a_picture

MANY = 40


async def ask(gateway: Gateway, key: dict[str, str], address: str) -> Reply:
    body = {"model": MODEL, "prompt": a_prompt(), "input_reference": {"image_url": address}}
    return await gateway.call("POST", "/v1/videos", json=body, headers=key)


@asynccontextmanager
async def asking(gateway: Gateway, key: dict[str, str], address: str) -> AsyncIterator[None]:
    """One key asks for many pictures, of which none comes until the end."""
    tasks = [asyncio.create_task(ask(gateway, key, f"{address}/{n}")) for n in range(MANY)]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("begins", [False, True], ids=["says nothing", "stops half-way"])
async def test_servers_that_never_answer_keep_only_their_own_key_waiting(
    tmp_path: Path, sandbox: Sandbox, *, begins: bool
) -> None:
    ones, others = await a_key(tmp_path, "one"), await a_key(tmp_path, "other")
    asked, enough = [], asyncio.Event()

    async def silent(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        response = web.StreamResponse()
        if begins:
            response.content_length = 1000
            await response.prepare(request)
            await response.write(a_picture()[:16])
        await enough.wait()
        return response

    async with (
        a_gateway(tmp_path, sandbox.url, reference_allow_private=True) as gateway,
        serving(silent) as hole,
        serving(replying(200, a_picture())) as host,
    ):
        async with asking(gateway, ones, hole):
            await soon(lambda: len(asked) >= 4)
            reply = await ask(gateway, others, f"{host}/a.png")
            assert reply.status == 200, reply.text
        enough.set()


@pytest.fixture
def silent_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names whose servers never answer; yields those that were looked up."""
    asked: list[str] = []
    enough = threading.Event()
    look_up = socket.getaddrinfo

    def slow(host: str, *args: int, **more: int) -> list[Any]:
        if str(host).endswith(".silent.example"):
            asked.append(host)
            enough.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return list(look_up(host, *args, **more))

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield asked
    enough.set()


async def test_names_that_are_never_resolved_keep_no_other_name_waiting(
    tmp_path: Path, sandbox: Sandbox, silent_names: list[str]
) -> None:
    ones, others = await a_key(tmp_path, "one"), await a_key(tmp_path, "other")
    async with (
        a_gateway(tmp_path, sandbox.url, reference_allow_private=True) as gateway,
        serving(replying(200, a_picture())) as host,
    ):
        by_name = host.replace("127.0.0.1", "localhost")
        tasks = [
            asyncio.create_task(ask(gateway, ones, f"http://{number}.silent.example"))
            for number in range(MANY)
        ]
        await soon(lambda: len(silent_names) >= 8)
        # Whatever else is looked up in this process, such as the upstream, has its threads.
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        reply = await ask(gateway, others, f"{by_name}/a.png")
        assert reply.status == 200, reply.text
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def hold(permits: FairPermits, owner: str, got: list[str], enough: asyncio.Event) -> None:
    async with permits.held(owner):
        got.append(owner)
        await enough.wait()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_permits_go_to_owners_in_turn_and_none_has_them_all() -> None:
    permits, got, enough = FairPermits(4, 2), list[str](), asyncio.Event()
    owners = ["a"] * 5 + ["b"] * 3 + ["c"]
    tasks = [asyncio.create_task(hold(permits, owner, got, enough)) for owner in owners]
    await settled()
    assert sorted(got) == ["a", "a", "b", "b"]
    tasks[0].cancel()
    await settled()
    assert got[4:] == ["c"]
    enough.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(got) == sorted(owners)


async def test_a_permit_whose_taker_has_left_goes_to_the_next() -> None:
    permits, got, enough = FairPermits(1, 1), list[str](), asyncio.Event()
    first = asyncio.create_task(hold(permits, "a", got, enough))
    second = asyncio.create_task(hold(permits, "b", got, enough))
    third = asyncio.create_task(hold(permits, "c", got, enough))
    await settled()
    second.cancel()
    first.cancel()
    await settled()
    assert got == ["a", "c"]
    enough.set()
    await asyncio.gather(first, second, third, return_exceptions=True)
    async with asyncio.timeout(5), permits.held("d"):
        pass
