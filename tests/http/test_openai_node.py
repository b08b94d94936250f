"""The real `openai` Node SDK against a gateway; `node/flow.mjs` is the program it runs."""

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
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with the SDK of its lock file beside it."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json", "flow.mjs"):
        shutil.copy(SOURCE / name, folder)
    asyncio.run(output_of("npm", "ci", "--prefer-offline", "--no-audit", cwd=folder))
    return folder / "flow.mjs"


async def output_of(*command: str, cwd: Path) -> str:
    """What a program prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, stdout=PIPE, stderr=STDOUT)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_node_sdk_goes_the_whole_way(program: Path, gateway: JobsGateway) -> None:
    async with losing_answers(gateway.url) as relay:
        urls = (f"{gateway.url}/v1", f"{relay.url}/v1")
        told = json.loads(await output_of("node", program.name, *urls, cwd=program.parent))
        assert relay.lost == 1
    assert [row["id"] for row in gateway.rows(LOST)] == [told["lost"]]
