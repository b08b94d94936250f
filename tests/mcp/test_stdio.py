"""`reelgate mcp`, started by the official SDK's client as agents start it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters

from reelgate.cli.client import connect
from reelgate.cli.commands.mcp import Bridge
from tests.cli.program import PROGRAM
from tests.gateway import Gateway, a_prompt, read_rows

from .conftest import LONG, WAIT_S, completed, link_of, video_of

SHORT = {"duration": 5, "resolution": "720p"}


async def test_an_agent_that_gives_up_and_asks_again_pays_once(gateway: Gateway) -> None:
    program = StdioServerParameters(command=PROGRAM, args=["mcp", "--server", gateway.url])
    arguments: dict[str, Any] = {"prompt": a_prompt(LONG), **SHORT}
    async with Client(program) as client:
        with pytest.raises(MCPError, match=r"(?i)timed out"):
            await client.call_tool("generate_video", arguments, read_timeout_seconds=WAIT_S / 2)
        again = await client.call_tool("generate_video", arguments)
        done = await completed(client, video_of(again)["id"])
    async with gateway.session.get(link_of(done)) as file:
        assert file.status == 200
    assert len(await gateway.accepted(arguments["prompt"])) == 1


async def test_without_a_gateway_it_runs_one_of_its_own(tmp_path: Path, sandbox_url: str) -> None:
    env = {"REELGATE_DATA_DIR": str(tmp_path), "REELGATE_SANDBOX_URL": sandbox_url}
    program = StdioServerParameters(command=PROGRAM, args=["mcp"], env=env)
    # The handshake of before 2026-07-28.
    async with Client(program, mode="legacy") as client:
        arguments = {"prompt": a_prompt("[[ready after=0]]"), **SHORT}
        made = await client.call_tool("generate_video", arguments)
        assert video_of(made)["id"] == read_rows(tmp_path)[0]["id"]


async def test_what_cannot_be_passed_on_is_answered() -> None:
    answers: list[dict[str, Any]] = []

    async def lines() -> AsyncIterator[bytes]:
        yield b"this is no message\n"
        yield b"[]\n"
        yield json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode()
        yield json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}).encode()

    async with connect("http://127.0.0.1:9", None) as nobody:
        await Bridge(nobody, answers.append).run(lines())
    codes = [(answer["id"], answer["error"]["code"]) for answer in answers]
    assert codes == [(None, -32700), (None, -32600), (7, -32603)]
    assert "cannot reach the gateway" in answers[-1]["error"]["message"]
    assert "paid for once" in answers[-1]["error"]["message"]
