from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from reelgate.rendering.renderer import WORKER

from .sandbox_caller import TINY, calling

TASKS = Path("/proc/self/task")


async def test_equal_requests_share_one_render_and_differing_ones_do_not(tmp_path: Path) -> None:
    async with calling(replace(TINY, data_dir=tmp_path, render_workers=2)) as caller:
        prompts = ["a", "a", "b", "a"]
        ids = [await caller.submit(prompt) for prompt in prompts]
        await asyncio.gather(*(caller.ready(job_id) for job_id in ids))
        assert len(list((tmp_path / "clips").glob("*.mp4"))) == 2


async def test_the_cache_is_bounded_and_an_evicted_clip_is_rendered_again(tmp_path: Path) -> None:
    options = replace(TINY, data_dir=tmp_path, max_cache_bytes=1)
    async with calling(options) as caller:
        first = await caller.ready(await caller.submit("a"))
        before = await caller.fetch(first)
        await caller.ready(await caller.submit("b"))
        assert len(list((tmp_path / "clips").glob("*.mp4"))) == 1
        assert await caller.fetch(first) == before


@pytest.mark.skipif(not TASKS.exists(), reason="lists child processes by /proc")
async def test_the_first_clip_starts_a_process_and_nothing_before_it(tmp_path: Path) -> None:
    async with calling(replace(TINY, data_dir=tmp_path)) as caller:
        await caller.status("none")
        assert rendering_children() == 0
        await caller.ready(await caller.submit("a"))
        assert rendering_children() == 1


def rendering_children() -> int:
    pids = [pid for path in TASKS.glob("*/children") for pid in path.read_text().split()]
    return sum(WORKER.encode() in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
