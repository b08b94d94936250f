"""The in-memory engine alone: `python bench/engine_memory.py`.

How many jobs a second go through it when running one is nothing, and what a job that waits costs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import uvloop

from reelgate.domain.video import Video
from reelgate.jobs.engine import LocalEngine

PAGE_KB = 4


def resident_kb() -> int:
    """This process's resident memory, in units of 1024 bytes (proc(5))."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_KB


async def throughput(count: int) -> float:
    """Jobs a second, all of them enqueued at once."""
    left = count
    done = asyncio.Event()

    async def run(_video_id: str, _made: Video | None = None, /) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    dispatch = LocalEngine(run)
    began = time.perf_counter()
    await dispatch.start(str(number) for number in range(count))
    await done.wait()
    took_s = time.perf_counter() - began
    await dispatch.stop()
    return count / took_s


async def waiting(count: int) -> float:
    """Kilobytes for each of so many jobs that wait."""
    under_way = 0
    all_wait = asyncio.Event()
    release = asyncio.Event()

    async def run(_video_id: str, _made: Video | None = None, /) -> None:
        nonlocal under_way
        under_way += 1
        if under_way == count:
            all_wait.set()
        await release.wait()

    dispatch = LocalEngine(run)
    before_kb = resident_kb()
    await dispatch.start(str(number) for number in range(count))
    await all_wait.wait()
    held_kb = resident_kb() - before_kb
    release.set()
    await dispatch.stop()
    return held_kb / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    asked = parser.parse_args()
    print(f"{asked.jobs} jobs, Python {sys.version.split()[0]}")
    # Memory first: what the other leaves behind would be used again.
    print(f"{uvloop.run(waiting(asked.jobs)):.1f} kB a waiting job")
    print(f"{uvloop.run(throughput(asked.jobs)):.0f} jobs/s")


if __name__ == "__main__":
    main()
