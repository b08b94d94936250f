"""Open WebUI's own loader and caller of tools, in an environment that has it: it takes 7 GB."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from pathlib import Path

import aiohttp
import pytest

from tests.gateway import a_gateway

ROOT = Path(__file__).resolve().parents[3]
PYTHON = os.environ.get("OPEN_WEBUI_PYTHON", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not PYTHON, reason="OPEN_WEBUI_PYTHON names no Python with open-webui"),
]

PROGRAM = """
import asyncio, json, sys
from open_webui.utils.plugin import load_tool_module_by_id
from open_webui.utils.tools import (
    get_async_tool_function_and_apply_extra_params as callable_of,
    get_tool_specs,
)

async def main(file, server):
    tool, _, _ = await load_tool_module_by_id("reelgate", open(file).read())
    tool.valves = tool.Valves(server=server, model="sora-2")
    generate = await callable_of(tool.generate_video, {"__event_emitter__": None})
    told = await generate(prompt="A cat", seconds="4")
    print(json.dumps({"specs": get_tool_specs(tool), "told": told}))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_open_webui_loads_the_tool_and_makes_a_video(
    tmp_path: Path, sandbox_url: str
) -> None:
    async with a_gateway(tmp_path / "gateway", sandbox_url) as gateway:
        tool = str(ROOT / "examples" / "open_webui_tool.py")
        env = {
            **os.environ,
            "DATA_DIR": str(tmp_path / "open-webui"),
            "FROM_INIT_PY": "true",
            "OFFLINE_MODE": "true",
            "WEBUI_SECRET_KEY": "none",
        }
        process = await asyncio.create_subprocess_exec(
            *(PYTHON, "-c", PROGRAM, tool, gateway.url), cwd=tmp_path, env=env, stdout=PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        answer = json.loads(output.splitlines()[-1])
        [spec] = answer["specs"]
        assert spec["name"] == "generate_video"
        assert spec["parameters"]["required"] == ["prompt"]
        link = answer["told"].partition("](")[2].removesuffix(")")
        async with aiohttp.ClientSession() as session, session.get(link) as file:
            assert (await file.read())[4:8] == b"ftyp"
