"""Vendors' own clients against their stand-ins: those too large to be installed for every test.

BytePlus's SDK takes 280 MB; MiniMax has no other client than the server for agents that it
publishes. Of the vendors without a test of this kind, xAI's SDK speaks gRPC, which we do not, and
Kling publishes none for Python.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import aiohttp
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FOLDER = Path(tempfile.gettempdir()) / "reelgate-test-vendor-clients"
# The SDK imports sniffio without saying that it needs it.
PACKAGES = ("byteplus-python-sdk-v2[ark]==3.0.63", "sniffio", "minimax-mcp==0.0.19")

ARK = """
import json, sys
from byteplussdkarkruntime import Ark
from byteplussdkarkruntime._exceptions import ArkBadRequestError, ArkConflictError

MODEL = "dreamina-seedance-2-0-260128"
url, mark = sys.argv[1:]
tasks = Ark(base_url=f"{url}/ark/api/v3", api_key="any", max_retries=0).content_generation.tasks

def create(prompt):
    content = [{"type": "text", "text": f"{mark} {prompt}"}]
    shape = {"ratio": "16:9", "resolution": "720p", "duration": 5}
    return tasks.create(model=MODEL, content=content, **shape).id

def over(task_id):
    while (task := tasks.get(task_id=task_id)).status in {"queued", "running"}:
        pass
    return task

def code_of(error, call, *args, **options):
    try:
        call(*args, **options)
    except error as refused:
        return refused.status_code, refused.code

done = over(create("[[ready after=0]]"))
failed = over(create("[[fail after=0]]"))
print(json.dumps({
    "status": done.status, "seed": done.seed, "tokens": done.usage.completion_tokens,
    "url": done.content.video_url,
    "failed": (failed.status, failed.error.code),
    "listed": done.id in [each.id for each in tasks.list(page_size=50).items],
    "refused": code_of(ArkBadRequestError, create, "[[400]]"),
    "moderated": code_of(ArkBadRequestError, create, "[[moderated at=submit]]"),
    "running": code_of(ArkConflictError, tasks.delete, task_id=create("[[never]]")),
}))
"""

MINIMAX = """
import json, os, re, sys
url, mark = sys.argv[1:]
os.environ |= {"MINIMAX_API_KEY": "any", "MINIMAX_API_HOST": f"{url}/minimax"}
from minimax_mcp import server

def generate(prompt):
    return server.generate_video(
        model="MiniMax-Hailuo-2.3", prompt=f"{mark} {prompt}", duration=6, resolution="768P",
        async_mode=True,
    ).text

task = re.search(r"Task ID: (\\d+)", generate("[[ready after=0]]"))[1]
while "still processing" in (told := server.query_video_generation(task_id=task).text):
    pass
print(json.dumps({"told": told, "moderated": generate("[[moderated at=submit]]")}))
"""


@pytest.fixture(scope="session")
def python() -> Path:
    """A Python that has the clients."""
    found = FOLDER / "bin" / "python"
    marker = FOLDER / "installed"
    if not marker.exists() or marker.read_text() != " ".join(PACKAGES):
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        subprocess.run([str(found), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        marker.write_text(" ".join(PACKAGES))
    return found


async def told_by(python: Path, program: str, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(
        str(python), "-c", program, *arguments, stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def start_of(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        return (await response.read())[:12]


async def test_bytepluss_client_makes_lists_and_deletes_tasks(
    python: Path, sandbox_url: str
) -> None:
    told = await told_by(python, ARK, sandbox_url, "ark")
    assert b"ftyp" in await start_of(told.pop("url"))
    assert told == {
        "status": "succeeded",
        "seed": 42,
        "tokens": 108_000,
        "failed": ["failed", "InternalServiceError"],
        "listed": True,
        "refused": [400, "InvalidParameter"],
        "moderated": [400, "InputTextSensitiveContentDetected"],
        "running": [409, "InvalidParameter"],
    }


async def test_minimaxs_server_for_agents_makes_a_video(python: Path, sandbox_url: str) -> None:
    told = await told_by(python, MINIMAX, sandbox_url, "minimax")
    assert b"ftyp" in await start_of(told["told"].partition("Video URL: ")[2])
    assert "API Error: 1026" in told["moderated"]
