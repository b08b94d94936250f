from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reelgate.sandbox import SandboxOptions

from .sandbox_caller import PARTS, calling, until

PROGRAM = """
import sys
from pathlib import Path
from reelgate.sandbox import SandboxOptions, run_sandbox
run_sandbox(SandboxOptions(speed=200, max_short_side_px=90, data_dir=Path(sys.argv[1])))
"""


class Alone:
    """A sandbox in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        words = self.process.stderr.readline().replace(",", "").split()
        self.url = next(word for word in words if word.startswith("http"))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=20)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]


async def submit(session: aiohttp.ClientSession, url: str, prompt: str) -> str:
    form = aiohttp.FormData({"prompt": prompt, **PARTS}, default_to_multipart=True)
    async with session.post(f"{url}/v1/video/upload", data=form) as response:
        return str((await response.json())["id"])


async def jobs(session: aiohttp.ClientSession, url: str) -> dict[str, dict[str, Any]]:
    async with session.get(f"{url}/_sandbox/jobs") as response:
        return {job["id"]: job for job in (await response.json())["data"]}


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc").exists(), reason="lists processes by /proc")
async def test_jobs_outlive_a_killed_sandbox_and_its_worker_does_not(tmp_path: Path) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer x"}) as session:
        first = await asyncio.to_thread(Alone, tmp_path)
        ids = [await submit(session, first.url, f"prompt {n}") for n in range(5)]
        failing = await submit(session, first.url, "x [[fail after=0.1]]")
        before = await jobs(session, first.url)

        async def has_worker() -> bool:
            return bool(first.children())

        await until(has_worker)
        workers = first.children()
        first.end(signal.SIGKILL)

        async def workers_are_gone() -> bool:
            return not any(is_alive(pid) for pid in workers)

        await until(workers_are_gone)
        with (tmp_path / "jobs.jsonl").open("a") as journal:
            journal.write('{"id": "torn')

        second = await asyncio.to_thread(Alone, tmp_path)
        after = await jobs(session, second.url)
        assert set(after) == {*ids, failing}
        assert [after[one]["ready_at"] for one in ids] == [before[one]["ready_at"] for one in ids]

        async def all_ready() -> bool:
            states = {key: job["state"] for key, job in (await jobs(session, second.url)).items()}
            return states == {**dict.fromkeys(ids, "finished"), failing: "failed"}

        await until(all_ready)
        late = await submit(session, second.url, "late")
        assert second.end(signal.SIGTERM) == 0
    lines = (tmp_path / "jobs.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [*ids, failing, late]


async def test_without_a_folder_nothing_is_left_behind() -> None:
    async with calling(SandboxOptions(speed=10_000, max_short_side_px=90)) as caller:
        await caller.ready(await caller.submit("a cat"))
        folder = caller.sandbox.provider.uploads.parent
        assert folder.exists()
    assert not folder.exists()
