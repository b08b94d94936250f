"""A long steady load with faults: does anything grow?

`python bench/soak.py [--minutes 2] [--per-s 3] [--speed 20]`; `--minutes 60` is the long
form. Callers arrive at a steady rate and block; one in ten meets a fault upstream. The first
quarter of the time warms up. Of the rest, memory, file handles and delay of the last third are held
against those of the first; the command fails when one has grown by more than its bound, or when a
caller has no answer. The sandbox is faster than imagine.art by `--speed`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from figures import table
from load import BLOCKING_PATH, Reply, call, post, spread
from programs import Program, fetch_json, gateway, prepare_process, sandbox

FAULTS = (
    "[[429 retry-after=1 times=1]]",
    "[[503 times=2]]",
    "[[status-503 times=2]]",
    "[[status-502 times=2]]",
    "[[asset-cut-off times=1]]",
)
SAMPLE_S = 1.0
WARM_UP_CALLERS = 8
WARM_SHARE = 0.25
GROWN_BYTES = 12e6
"""Growth in memory that may be chance: SQLite's cache and the allocator's arenas still fill up."""
GROWN_HANDLES = 12
GROWN_DELAY_S = 0.5
COLUMNS = ("", "first third", "last third", "bound on growth")


@dataclass(slots=True)
class Samples:
    """What was read from outside, each with its time (monotonic seconds)."""

    at_s: list[float] = field(default_factory=list)
    rss_bytes: list[float] = field(default_factory=list)
    handles: list[float] = field(default_factory=list)

    async def collect(self, program: Program) -> None:
        while True:
            self.at_s.append(time.monotonic())
            self.rss_bytes.append(float(program.rss_bytes()))
            self.handles.append(float(program.handles()))
            await asyncio.sleep(SAMPLE_S)


def run(minutes: float = 2.0, per_s: float = 3.0, speed: float = 20.0) -> dict[str, Any]:
    prepare_process()
    with TemporaryDirectory(prefix="reelgate-bench-") as folder, sandbox(speed=speed) as upstream:
        with gateway(Path(folder), sandbox_url=upstream.url, sandbox_speed=speed) as program:
            replies, samples = asyncio.run(load(program, minutes * 60, per_s))
        jobs = fetch_json(f"{upstream.url}/_sandbox/jobs")["data"]
    ready_at = {job["id"]: job["ready_at"] for job in jobs}
    delays = [
        reply.answered_at - ready_at[reply.json()["id"]]
        for nth, reply in enumerate(replies)
        if reply.status == 200 and not prompt(nth).endswith("]]")
    ]
    return {
        "minutes": minutes,
        "callers": len(replies),
        "answered": sum(reply.status == 200 for reply in replies),
        "rss_mb": [value / 1e6 for value in ends(samples.rss_bytes)],
        "handles": ends(samples.handles),
        "delay_s": ends(delays),
    }


def prompt(nth: int) -> str:
    """Every tenth caller meets a fault."""
    fault = FAULTS[nth // 10 % len(FAULTS)] if nth % 10 == 9 else ""
    return f"a mill, {nth % 20} {fault}".strip()


async def load(program: Program, seconds: float, per_s: float) -> tuple[Sequence[Reply], Samples]:
    """Let callers arrive for so long."""

    async def one(nth: int) -> Reply:
        body = {"prompt": prompt(nth), "duration": 5, "resolution": "720p"}
        return await call(program.url, post(program.url, BLOCKING_PATH, body))

    # What is loaded once, at the first video, is no leak.
    await spread(WARM_UP_CALLERS, 0.0, one)
    samples = Samples()
    collecting = asyncio.create_task(samples.collect(program))
    replies = await spread(max(20, int(seconds * per_s)), seconds, one)
    collecting.cancel()
    return replies, samples


def ends(values: Sequence[float]) -> list[float]:
    """The mean of the first and of the last third of what follows the warm-up."""
    steady = values[int(len(values) * WARM_SHARE) :]
    third = max(1, len(steady) // 3)
    return [fmean(steady[:third]), fmean(steady[-third:])]


def problems(result: dict[str, Any]) -> list[str]:
    """What has grown beyond its bound; empty when all is well."""
    found = []
    for name, bound in (
        ("rss_mb", GROWN_BYTES / 1e6),
        ("handles", GROWN_HANDLES),
        ("delay_s", GROWN_DELAY_S),
    ):
        first, last = result[name]
        if last - first > bound:
            found.append(f"{name} grew from {first:.2f} to {last:.2f}")
    if result["answered"] < result["callers"]:
        found.append(f"{result['callers'] - result['answered']} callers had no video")
    return found


def report(result: dict[str, Any]) -> str:
    shapes = {
        "memory": ("rss_mb", "{:.1f} MB", f"{GROWN_BYTES / 1e6:.0f} MB"),
        "file handles": ("handles", "{:.0f}", str(GROWN_HANDLES)),
        "delay after ready": ("delay_s", "{:.3f} s", f"{GROWN_DELAY_S} s"),
    }
    rows = [
        (name, *(shape.format(value) for value in result[key]), bound)
        for name, (key, shape, bound) in shapes.items()
    ]
    verdict = "; ".join(problems(result)) or "nothing grew beyond its bound"
    told = f"{result['answered']:,} of {result['callers']:,} callers answered in "
    minutes = "a minute" if result["minutes"] == 1 else f"{result['minutes']:g} minutes"
    return f"{table(COLUMNS, rows)}\n\n{told}{minutes}: {verdict}."


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--per-s", type=float, default=3.0)
    parser.add_argument("--speed", type=float, default=20.0)
    options = parser.parse_args(arguments)
    result = run(options.minutes, options.per_s, options.speed)
    print(report(result))
    sys.exit(bool(problems(result)))


if __name__ == "__main__":
    main(sys.argv[1:])
