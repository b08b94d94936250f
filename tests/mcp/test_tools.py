"""The tools of /mcp, called with the official SDK's client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from reelgate.domain.api_keys import Scope
from tests.gateway import Gateway, a_gateway, a_prompt, soon, until
from tests.service.test_api_keys import a_key

from .conftest import LONG, MODES, WAIT_S, completed, link_of, text_of, video_of

SHORT = {"duration": 5, "resolution": "720p"}
READY = "[[ready after=0]]"
FAILS = "[[fail after=0.7]]"
"""After longer than a call waits."""


@pytest.mark.parametrize("mode", MODES)
async def test_an_agent_goes_the_whole_way(mode: str, gateway: Gateway) -> None:
    async with Client(f"{gateway.url}/mcp", mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {
            *("generate_video", "get_video", "list_videos", "cancel_video", "list_models")
        }
        one = (await client.call_tool("list_models", {"model": "veo-3.1"})).structured_content
        assert isinstance(one, dict)
        [veo] = one["models"]
        assert {"prompt", "duration", "resolution"} <= {field["name"] for field in veo["fields"]}
        listed = (await client.call_tool("list_models", {})).structured_content
        assert isinstance(listed, dict)
        prices = {model["id"]: model["price"] for model in listed["models"]}
        assert (prices["veo-3.1"]["from"], prices["veo-3.1"]["unit"]) == (900, "credits")
        assert set(prices) == set(
            tools["generate_video"].input_schema["properties"]["model"]["enum"]
        )
        prompt = a_prompt(READY)
        made = await client.call_tool("generate_video", {"prompt": prompt, **SHORT})
        if video_of(made)["status"] != "completed":
            made = await completed(client, video_of(made)["id"])
        video = video_of(made)
        assert (video["prompt"], video["seconds"], video["size"]) == (prompt, "5", "1280x720")
        assert video["video_url"] == link_of(made)
        assert video["video_url"] in text_of(made)
        async with gateway.session.get(link_of(made)) as file:
            assert (await file.read())[4:8] == b"ftyp"
        page = (await client.call_tool("list_videos", {"search": prompt})).structured_content
        assert isinstance(page, dict)
        assert [each["id"] for each in page["videos"]] == [video["id"]]
        assert page["has_more"] is False


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_that_takes_too_long_is_answered_with_a_handle(
    mode: str, gateway: Gateway
) -> None:
    async with Client(f"{gateway.url}/mcp", mode=mode) as client:
        told: list[tuple[float, str | None]] = []

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            assert total == 100
            told.append((progress, message))

        prompt = a_prompt(LONG)
        handle = await client.call_tool(
            "generate_video", {"prompt": prompt, **SHORT}, progress_callback=on_progress
        )
        assert not handle.is_error
        assert video_of(handle)["status"] == "in_progress"
        assert "paid for: do not generate it again" in text_of(handle)
        assert f"get_video with id={video_of(handle)['id']} and wait_s={WAIT_S}" in text_of(handle)
        progress = [each for each, _ in told]
        assert len(progress) > 2, "heartbeats"
        assert progress == sorted(set(progress)), "each greater than the last"
        assert video_of(await completed(client, video_of(handle)["id"]))["status"] == "completed"
        assert len(await gateway.accepted(prompt)) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_that_gives_up_and_asks_again_pays_once(mode: str, gateway: Gateway) -> None:
    async with Client(f"{gateway.url}/mcp", mode=mode) as client:
        arguments: dict[str, Any] = {"prompt": a_prompt(LONG), **SHORT}
        with pytest.raises(MCPError, match=r"(?i)timed out"):
            await client.call_tool("generate_video", arguments, read_timeout_seconds=WAIT_S / 5)
        # In both spellings of the same, and twice at once: some clients do not even hang up.
        again, other = await asyncio.gather(
            client.call_tool("generate_video", arguments),
            client.call_tool("generate_video", {**arguments, "duration": "5", "take": 1}),
        )
        assert video_of(again)["id"] == video_of(other)["id"]
        done = await completed(client, video_of(again)["id"])
        once_more = await client.call_tool("generate_video", arguments)
        assert link_of(once_more) == link_of(done)
        assert len(await gateway.accepted(arguments["prompt"])) == 1
        second = await client.call_tool("generate_video", {**arguments, "take": 2})
        assert video_of(second)["id"] != video_of(done)["id"]


async def test_a_failure_is_told_once_before_the_same_call_makes_another(
    gateway: Gateway,
) -> None:
    arguments: dict[str, Any] = {"prompt": a_prompt(FAILS), **SHORT}
    async with Client(f"{gateway.url}/mcp") as client:
        calling = asyncio.create_task(client.call_tool("generate_video", arguments))
        await soon(lambda: bool(gateway.rows(arguments["prompt"])))
        calling.cancel()
        await until(lambda: has_failed(gateway, arguments["prompt"]))
        told = await client.call_tool("generate_video", arguments)
        assert told.is_error
        assert "upstream_failed" in text_of(told)
        assert len(await gateway.accepted(arguments["prompt"])) == 1
        another = await client.call_tool("generate_video", arguments)
        if not another.is_error:
            await completed(client, video_of(another)["id"])
    assert len(await gateway.accepted(arguments["prompt"])) == 2


async def has_failed(gateway: Gateway, prompt: str) -> bool:
    return [row["state"] for row in gateway.rows(prompt)] == ["failed"]


async def test_a_submit_of_unknown_outcome_is_made_again_only_as_another_take(
    gateway: Gateway,
) -> None:
    arguments: dict[str, Any] = {"prompt": a_prompt("[[submit-reset-after times=1]]"), **SHORT}
    async with Client(f"{gateway.url}/mcp") as client:
        lost = await client.call_tool("generate_video", arguments)
        while not lost.is_error:
            lost = await client.call_tool("generate_video", arguments)
        for _ in range(2):
            lost = await client.call_tool("generate_video", arguments)
            assert "submission_unknown" in text_of(lost)
            assert "paid for again" in text_of(lost)
        assert len(await gateway.submits(arguments["prompt"])) == 1
        cancelled = await client.call_tool("cancel_video", {"id": video_of(lost)["id"]})
        assert video_of(cancelled)["error"]["code"] == "submission_unknown"
        await client.call_tool("generate_video", {**arguments, "take": 2})
    assert len(await gateway.submits(arguments["prompt"])) == 2


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("generate_video", {}, "prompt None is not allowed"),
    ("generate_video", {"prompt": "x", "model": "sora-9"}, "'sora-9' does not exist"),
    ("generate_video", {"prompt": "x", "duration": 7}, "duration 7 is not allowed"),
    ("generate_video", {"prompt": "x", "seconds": 5}, "takes no seconds"),
    ("generate_video", {"prompt": "x", "take": 0}, "take 0 is not allowed"),
    ("generate_video", {"prompt": "x", "input_reference": 1}, "input_reference 1"),
    ("generate_video", {"prompt": "x", "input_references": "y"}, "input_references 'y'"),
    ("list_models", {"model": "sora-9"}, "'sora-9' does not exist"),
    ("get_video", {"id": "video_1"}, "video 'video_1' does not exist"),
    ("get_video", {"id": "video_1", "wait": 3}, "wait is no argument of this tool"),
    ("list_videos", {"limit": 1000}, "limit"),
    ("cancel_video", {}, "id: field required"),
]


async def test_a_wrong_argument_is_named_to_the_model(gateway: Gateway) -> None:
    async with Client(f"{gateway.url}/mcp", mode="2026-07-28") as client:
        for tool, arguments, says in WRONG:
            refused = await client.call_tool(tool, arguments)
            assert refused.is_error
            assert says in text_of(refused)


async def test_a_key_is_asked_for_and_sees_its_own_videos_only(
    tmp_path: Path, sandbox_url: str
) -> None:
    one, other = await a_key(tmp_path, "one"), await a_key(tmp_path, "other")
    reader = await a_key(tmp_path, "reader", scopes=frozenset({Scope.READ}))
    async with a_gateway(tmp_path, sandbox_url, mcp_wait_s=WAIT_S) as gateway:
        url = f"{gateway.url}/mcp"
        refused = await gateway.call("POST", "/mcp", json={})
        assert refused.status == 401
        assert "API key is missing" in refused.body["error"]["message"]
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
        arguments: dict[str, Any] = {"prompt": a_prompt(READY), **SHORT}
        async with a_client(url, one) as client:
            made = await client.call_tool("generate_video", arguments)
            made = await completed(client, video_of(made)["id"])
        async with a_client(url, other) as client:
            theirs = await client.call_tool("get_video", {"id": video_of(made)["id"]})
            assert "video_not_found" in text_of(theirs)
            second = await client.call_tool("generate_video", arguments)
            assert video_of(second)["id"] != video_of(made)["id"]
        async with a_client(url, reader) as client:
            assert not (await client.call_tool("list_models", {})).is_error
            refused_tool = await client.call_tool("generate_video", arguments)
            assert "insufficient_scope" in text_of(refused_tool)
        # Whom the agent shows it has no key.
        async with gateway.session.get(link_of(made)) as file:
            assert file.status == 200


@asynccontextmanager
async def a_client(url: str, headers: dict[str, str]) -> AsyncIterator[Client]:
    """A client with a key."""
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def test_a_page_of_another_origin_spends_nothing(gateway: Gateway) -> None:
    headers = {"Origin": "https://page.example", "Content-Type": "text/plain"}
    refused = await gateway.call("POST", "/mcp", data=b"{}", headers=headers)
    assert refused.status == 403
    assert "another origin" in refused.body["error"]["message"]
    assert (await gateway.call("GET", "/mcp")).status == 405
