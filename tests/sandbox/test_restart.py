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

from reelgate.sandbox import Sandbox, SandboxOptions

from .sandbox_caller import PARTS, calling, until

PROGRAM = """
import sys
from pathlib import Path
from reelgate.sandbox import Sandbox, SandboxOptions, run_sandbox
run_sandbox(SandboxOptions(speed=200, max_short_side_px=90, data_dir=Path(sys.argv[1])))
"""

FIRST_RELEASES_JOB: dict[str, Any] = {
    "id": "b711d5aa-8ea1-44dc-8b0e-a33116929e0e",
    "batch_id": "2993c57d-37f9-4347-b81f-3b7578a5f7b2",
    "placeholder_uuid": "",
    "prompt": "a cat [[fail after=0.1]]",
    "clip": {
        "prompt": "a cat [[fail after=0.1]]",
        "width_px": 160,
        "height_px": 90,
        "duration_s": 5,
    },
    "variation": "text_to_video",
    "org_id": "1",
    "parent_id": "2",
    "cost": 5,
    "accepted_at": 1795692266.3980854,
    "ready_at": None,
    "fails_at": 1795692266.4980853,
    "faults": ["fail after=0.1"],
}


class SqliteDeployment:
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
        first = await asyncio.to_thread(SqliteDeployment, tmp_path)
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

        second = await asyncio.to_thread(SqliteDeployment, tmp_path)
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


async def test_the_jobs_of_another_version_are_there_after_an_upgrade_or_back(
    tmp_path: Path,
) -> None:
    """The gateway's own sandbox keeps its jobs in the data folder, which outlives an upgrade."""
    newer = {**FIRST_RELEASES_JOB, "id": "newer", "faults": ["of-tomorrow"], "of_tomorrow": 1}
    newer["clip"] = {**FIRST_RELEASES_JOB["clip"], "of_tomorrow": 1}
    lines = [json.dumps(job) + "\n" for job in (FIRST_RELEASES_JOB, newer)]
    (tmp_path / "jobs.jsonl").write_text("".join(lines))
    async with Sandbox(SandboxOptions(data_dir=tmp_path)) as sandbox:
        first, second = (job.as_json() for job in sandbox.jobs)
    assert first == FIRST_RELEASES_JOB
    assert second == {**FIRST_RELEASES_JOB, "id": "newer", "faults": []}


async def test_without_a_folder_nothing_is_left_behind() -> None:
    async with calling(SandboxOptions(speed=10_000, max_short_side_px=90)) as caller:
        await caller.ready(await caller.submit("a cat"))
        folder = caller.sandbox.provider.uploads.parent
        assert folder.exists()
    assert not folder.exists()
