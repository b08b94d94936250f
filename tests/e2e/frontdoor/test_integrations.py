"""The examples that other programs load work as those load them."""

from __future__ import annotations

import asyncio
import json
import re
import types
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from .checkout import ROOT

EXAMPLES = ROOT / "examples"
ADDRESS = "http://localhost:8000"


def loaded(name: str) -> types.ModuleType:
    """An example as a module, made of its text."""
    module = types.ModuleType(name)
    exec((EXAMPLES / name).read_text(encoding="utf-8"), module.__dict__)
    return module


@pytest.mark.asyncio(loop_scope="package")
async def test_open_webuis_tool_makes_a_video_and_links_to_it(gateway: str) -> None:
    module = loaded("open_webui_tool.py")
    module.__dict__["POLL_S"] = 0.02
    tools = module.Tools()
    # Whatever the class has beside the valves is offered to the model.
    assert [name for name in dir(tools) if not name.startswith("_")] == [
        *("Valves", "generate_video", "valves")
    ]
    tools.valves = tools.Valves(server=gateway, model="sora-2")
    events: list[dict[str, Any]] = []

    async def emit(event: dict[str, Any]) -> None:
        events.append(event)

    told = await tools.generate_video("A cat", seconds=4, __event_emitter__=emit)
    [link] = re.findall(r"\]\((.*)\)", told)
    async with aiohttp.ClientSession() as session, session.get(link) as file:
        assert (await file.read())[4:8] == b"ftyp"
    assert events[-1]["data"] == {"description": "The video is ready.", "done": True}
    refused = await tools.generate_video("A cat", seconds=99, __event_emitter__=emit)
    assert "duration 99 is not allowed" in refused


@pytest.mark.asyncio(loop_scope="package")
async def test_comfyuis_node_saves_a_video(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_SERVER", gateway)
    module = loaded("comfyui_reelgate.py")
    [node] = module.NODE_CLASS_MAPPINGS.values()
    given = node.INPUT_TYPES()
    assert {*given["required"], *given["optional"]} == {"prompt", "seconds", "model"}
    generate = getattr(node(), node.FUNCTION)
    (path,) = await asyncio.to_thread(generate, prompt="A cat", seconds=4, model="sora-2")
    assert (await asyncio.to_thread(Path(path).read_bytes))[4:8] == b"ftyp"
    await asyncio.to_thread(Path(path).unlink)
    with pytest.raises(RuntimeError, match="duration 99 is not allowed"):
        await asyncio.to_thread(generate, prompt="A cat", seconds=99)


@pytest.mark.asyncio(loop_scope="package")
async def test_n8ns_flow_asks_for_a_video_looks_at_it_and_gets_its_file(gateway: str) -> None:
    flow = json.loads((EXAMPLES / "n8n_workflow.json").read_text(encoding="utf-8"))
    nodes = {node["name"]: node["parameters"] for node in flow["nodes"]}
    wired = {
        step["node"]
        for outs in flow["connections"].values()
        for out in outs["main"]
        for step in out
    }
    assert wired | {"Start"} == set(nodes) == set(flow["connections"]) | {"Get the file"}
    async with aiohttp.ClientSession() as session:
        ask = nodes["Ask for the video"]
        headers = {each["name"]: each["value"] for each in ask["headerParameters"]["parameters"]}
        assert set(headers) == {"Idempotency-Key"}
        body = json.loads(ask["jsonBody"])
        url = ask["url"].replace(ADDRESS, gateway)
        async with session.request(ask["method"], url, json=body) as answer:
            video = await answer.json()
        while video["status"] not in {"completed", "failed"}:
            async with session.get(filled(nodes["Look at it"]["url"], video, gateway)) as answer:
                video = await answer.json()
        async with session.get(filled(nodes["Get the file"]["url"], video, gateway)) as file:
            assert (await file.read())[4:8] == b"ftyp"


def filled(url: str, video: dict[str, Any], gateway: str) -> str:
    """What n8n makes of an expression about the video's id."""
    assert url.startswith("=")
    filled, count = re.subn(r"\{\{ .*json\.id \}\}", video["id"], url[1:])
    assert count == 1
    return filled.replace(ADDRESS, gateway)
