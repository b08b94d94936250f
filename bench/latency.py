"""How long after a video is ready its caller is answered, and for how many polls.

`python bench/latency.py [--jobs 24] [--speed 6]`. Ours without any history (cold), ours after a
wave of jobs (warm), and the plain loop, each with the same jobs of the three published classes.
The sandbox is faster than imagine.art by `--speed`, and everything is scaled by it: the plain
loop's sleep, and our floor, ceiling and price (`REELGATE_SANDBOX_SPEED`). Figures are told in the
provider's own seconds; what a machine takes to answer is scaled up with them, against both.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from figures import Spread, table
from load import BLOCKING_PATH, Reply, call, post, spread
from programs import Program, fetch_json, gateway, plain_loop, prepare_process, sandbox

CLASSES: dict[str, dict[str, Any]] = {
    "5 s 720p (60-90 s)": {"duration": 5, "resolution": "720p"},
    "6 s 720p (70-100 s)": {"duration": 6, "resolution": "720p"},
    "12 s 1080p (120-180 s)": {"duration": 12, "resolution": "1080p"},
}
PLAIN_SLEEP_S = 10.0
SPREAD_S = 240.0
"""The time over which a wave arrives, in the provider's seconds."""
COLUMNS = ("class", "who", "jobs", "mean", "p50", "p95", "p99", "polls/job")


def run(jobs: int = 24, speed: float = 6.0) -> list[dict[str, Any]]:
    prepare_process()
    results = []
    with TemporaryDirectory(prefix="reelgate-bench-") as folder:
        for who in ("ours, cold", "ours, warm"):
            with sandbox(speed=speed) as upstream:
                program = gateway(
                    Path(folder), sandbox_url=upstream.url, sandbox_speed=speed, looks_per_s=1000
                )
                results += wave(who, program, upstream, jobs, speed)
    with sandbox(speed=speed) as upstream:
        program = plain_loop(upstream.url, PLAIN_SLEEP_S / speed)
        results += wave("plain loop", program, upstream, jobs, speed)
    return results


def wave(
    who: str, program: Program, upstream: Program, jobs: int, speed: float
) -> list[dict[str, Any]]:
    """Send a wave of every class at one server, and read the sandbox's record."""
    with program:
        replies = asyncio.run(ask(program, jobs, speed))
        return list(read(who, upstream, replies, speed))


async def ask(program: Program, jobs: int, speed: float) -> Sequence[tuple[str, Reply]]:
    """All classes mixed, evenly over the time."""
    names = list(CLASSES)
    await call(program.url, post(program.url, "/v1/none", {}))

    async def one(nth: int) -> Reply:
        name = names[nth % len(names)]
        body = {"prompt": f"a clock, {name}", **CLASSES[name]}
        return await call(program.url, post(program.url, BLOCKING_PATH, body))

    replies = await spread(jobs * len(names), SPREAD_S / speed, one)
    return [(names[nth % len(names)], reply) for nth, reply in enumerate(replies)]


def read(
    who: str, upstream: Program, replies: Sequence[tuple[str, Reply]], speed: float
) -> Sequence[dict[str, Any]]:
    """Delay after ready and polls of each class, by the sandbox's own record."""
    ready_at = {
        job["id"]: job["ready_at"] for job in fetch_json(f"{upstream.url}/_sandbox/jobs")["data"]
    }
    requests = fetch_json(f"{upstream.url}/_sandbox/requests")["data"]
    polls = Counter(seen["id"] for seen in requests if is_poll(seen))
    delays: dict[str, list[float]] = defaultdict(list)
    counts: dict[str, list[int]] = defaultdict(list)
    for name, reply in replies:
        video_id = reply.json().get("id")
        if reply.status == 200 and video_id in ready_at:
            delays[name].append((reply.answered_at - ready_at[video_id]) * speed)
            counts[name].append(polls[video_id])
    return [
        {
            "class": name,
            "who": who,
            "jobs": len(delays[name]),
            "delay_s": asdict(Spread.of(delays[name])),
            "polls": sum(counts[name]) / max(1, len(counts[name])),
        }
        for name in CLASSES
    ]


def is_poll(seen: dict[str, Any]) -> bool:
    """Whether a request asked if a video is ready."""
    return bool(
        seen["operation"] == "status" or (seen["operation"] == "asset" and seen["method"] == "HEAD")
    )


def report(results: Sequence[dict[str, Any]]) -> str:
    ordered = sorted(results, key=lambda result: list(CLASSES).index(result["class"]))
    return table(COLUMNS, map(row, ordered))


def row(result: dict[str, Any]) -> list[str]:
    delay = result["delay_s"]
    return [
        result["class"],
        result["who"],
        str(result["jobs"]),
        *(f"{delay[name]:.2f} s" for name in ("mean", "p50", "p95", "p99")),
        f"{result['polls']:.1f}",
    ]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=24, help="of each class")
    parser.add_argument("--speed", type=float, default=6.0)
    options = parser.parse_args(arguments)
    print(report(run(options.jobs, options.speed)))


if __name__ == "__main__":
    main(sys.argv[1:])
