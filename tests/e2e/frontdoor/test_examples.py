"""Every example works as it stands against a live gateway."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import aiohttp
import av
import pytest

from .blocks import run_by
from .checkout import ROOT, Run, run

EXAMPLES = ROOT / "examples"
ADDRESS = "http://localhost:8000"
NODE_SDK = ROOT / "tests" / "http" / "node"
"""Which versions of the Node SDKs are tested against."""

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")

TESTED = {
    "curl.sh",
    "follow_events.py",
    "fetch.mjs",
    "openai_sdk.mjs",
    "openai_sdk.py",
    "python_requests.py",
    "vercel_ai_sdk.mjs",
}
ELSEWHERE = {
    "comfyui_reelgate.py",  # test_integrations.py
    "declared_provider.toml",  # tests/providers/test_declared.py
    "litellm.yaml",  # tests/e2e/integrations
    "n8n_workflow.json",
    "open_webui_tool.py",
}


def test_no_example_goes_untested() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.suffix} == TESTED | ELSEWHERE


@pytest.mark.asyncio(loop_scope="package")
async def test_requests_prints_where_the_video_plays(gateway: str, tmp_path: Path) -> None:
    ended = await example("python_requests.py", gateway, tmp_path)
    assert await seconds_at(ended.out.strip()) == 5


@pytest.mark.asyncio(loop_scope="package")
@needs_node
async def test_fetch_prints_where_the_video_plays(gateway: str, tmp_path: Path) -> None:
    ended = await run("node", EXAMPLES / "fetch.mjs", cwd=tmp_path, REELGATE_SERVER=gateway)
    assert ended.code == 0, ended.err
    assert await seconds_at(ended.out.strip()) == 5


@pytest.mark.asyncio(loop_scope="package")
@needs_curl
async def test_curl_saves_the_video(gateway: str, tmp_path: Path) -> None:
    ended = await run("sh", EXAMPLES / "curl.sh", "v.mp4", cwd=tmp_path, REELGATE_SERVER=gateway)
    assert ended.code == 0, ended.err
    answer, told = ended.out.splitlines()
    assert json.loads(answer)["status"] == "COMPLETED"
    assert told == "saved as v.mp4"
    assert seconds_of((tmp_path / "v.mp4").read_bytes()) == 5


@pytest.mark.asyncio(loop_scope="package")
async def test_the_openai_sdk_saves_the_video(gateway: str, tmp_path: Path) -> None:
    ended = await example("openai_sdk.py", gateway, tmp_path)
    assert seconds_of((tmp_path / ended.out.strip()).read_bytes()) == 4


@pytest.mark.asyncio(loop_scope="package")
@needs_npm
async def test_the_node_sdks_save_the_video(gateway: str, tmp_path: Path) -> None:
    programs = ("openai_sdk.mjs", "vercel_ai_sdk.mjs")
    for file in (*NODE_SDK.glob("package*.json"), *(EXAMPLES / name for name in programs)):
        shutil.copy(file, tmp_path)
    installed = await run("npm", "ci", "--prefer-offline", "--no-audit", cwd=tmp_path)
    assert installed.code == 0, installed.err
    for program in programs:
        ended = await run("node", program, cwd=tmp_path, REELGATE_SERVER=gateway)
        assert ended.code == 0, ended.err
        assert seconds_of((tmp_path / ended.out.strip()).read_bytes()) == 4
    [shown] = run_by("tests/e2e/frontdoor/test_examples.py", "docs/integrations.md")
    page = tmp_path / "page.mjs"
    page.write_text(shown.replace(ADDRESS, gateway), encoding="utf-8")
    ended = await run("node", page, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert seconds_of((tmp_path / "cat.mp4").read_bytes()) == 5


@pytest.mark.asyncio(loop_scope="package")
async def test_events_tell_the_video_until_it_is_finished(gateway: str, tmp_path: Path) -> None:
    ended = await example("follow_events.py", gateway, tmp_path)
    *told, url = ended.out.splitlines()
    assert told[-1] == "completed 100 %"
    assert await seconds_at(url) == 5


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.parametrize("name", ["python_requests.py", "fetch.mjs"])
async def test_an_example_tells_why_it_failed(name: str, gateway: str, tmp_path: Path) -> None:
    program = sys.executable if name.endswith(".py") else shutil.which("node")
    if program is None:
        pytest.skip("there is no Node")
    copy = tmp_path / name
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    copy.write_text(text.replace("720p", "721p"), encoding="utf-8")
    ended = await run(program, copy, cwd=tmp_path, REELGATE_SERVER=gateway)
    assert ended.code == 1
    assert "resolution '721p' is not allowed" in ended.err


async def example(name: str, gateway: str, folder: Path) -> Run:
    """A Python example, run to its good end."""
    ended = await run(sys.executable, EXAMPLES / name, cwd=folder, REELGATE_SERVER=gateway)
    assert ended.code == 0, ended.err
    return ended


async def seconds_at(url: str) -> float:
    """How long the video at an address is."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        return seconds_of(await response.read())


def seconds_of(file: bytes) -> float:
    """How long a video is."""
    with av.open(io.BytesIO(file), "r") as movie:
        return round(float(movie.duration or 0) / av.time_base, 2)
