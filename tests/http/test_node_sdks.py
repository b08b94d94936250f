"""The real Node SDKs against a gateway: OpenAI's and Vercel's, with the programs in `node/`."""

from __future__ import annotations

import asyncio
import json
import shutil
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from .jobs import JobsGateway
from .relay import losing_answers

SOURCE = Path(__file__).parent / "node"
LOST = "a lost answer [[ready after=0]]"

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="there is no Node.js")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs, and beside them the SDKs of their lock file."""
    folder = tmp_path_factory.mktemp("node") / "programs"
    shutil.copytree(SOURCE, folder)
    asyncio.run(output_of("npm", "ci", "--prefer-offline", "--no-audit", cwd=folder))
    return folder


async def output_of(*command: str, cwd: Path) -> str:
    """What a program prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, stdout=PIPE, stderr=STDOUT)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_openais_sdk_goes_the_whole_way(programs: Path, gateway: JobsGateway) -> None:
    async with losing_answers(gateway.url) as relay:
        urls = (f"{gateway.url}/v1", f"{relay.url}/v1")
        told = json.loads(await output_of("node", "flow.mjs", *urls, cwd=programs))
        assert relay.lost == 1
    assert [row["id"] for row in gateway.rows(LOST)] == [told["lost"]]


async def test_vercels_sdk_makes_videos_and_pays_for_each_once(
    programs: Path, gateway: JobsGateway
) -> None:
    async with losing_answers(gateway.url) as relay:
        urls = (f"{gateway.url}/v1/ai", f"{relay.url}/v1/ai")
        told = json.loads(await output_of("node", "generate_video.mjs", *urls, cwd=programs))
        assert relay.lost == 1
    assert [row["id"] for row in gateway.rows("polled [[ready after=0]]")] == [told["polled"]]
    assert len(gateway.rows("two [[ready after=0]]")) == 2
    for failed in ("paid", "polled"):
        assert len(gateway.rows(f"{failed} [[fail after=0.1]]")) == 1
    assert not gateway.rows("wrong")
