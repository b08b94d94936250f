"""Blocked callers: what each costs while it waits, and how soon it is answered.

`python bench/waiting.py [--callers 100 1000 10000] [--plain 100 1000] [--taught 1000]`. One gateway
process, one sandbox process, the callers in this one, all three on the same cores. One video is
made before, so that what is loaded at the first is loaded. Memory is the gateway's resident memory
at its highest less what it was then, divided by the callers; CPU is what the gateway used from the
first caller to the last answer, divided by the jobs. Delay is from the sandbox's own record of when
a job was ready to the last byte of the caller's answer. Jobs are of the class that takes 120-180 s,
at the speed of the real provider, so that all callers wait at once before the first is answered.
With `--speed` everything upstream, and our waiting with it, takes that many times less. *Taught* is
a gateway that has seen a wave of such jobs before; the others know what the provider publishes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from figures import Spread, table
from load import BLOCKING_PATH, Reply, call, post, spread
from programs import Program, fetch_json, gateway, plain_loop, prepare_process, sandbox

BODY = {"prompt": "people in the rain", "duration": 12, "resolution": "1080p"}
PLAIN_SLEEP_S = 10.0
ARRIVAL_S = 100.0
"""The time over which callers arrive, in the provider's seconds."""
SAMPLE_S = 0.25
LOOKS_PER_S = 1000
"""What the plain loop would make with 10,000 callers."""
TEACHERS = 200
"""Jobs that a taught gateway has seen."""
COLUMNS = (
    "callers",
    "server",
    "speed",
    "answered",
    "memory, kB/caller",
    "CPU, ms/job",
    "requests/job",
    "delay mean",
    "p50",
    "p95",
    "p99",
)


def measure(server: str, callers: int, speed: float) -> dict[str, Any]:
    """Let so many callers wait at one server; "ours", "ours, taught" or "plain"."""
    with (
        TemporaryDirectory(prefix="reelgate-bench-") as folder,
        sandbox(speed=speed, max_records=1_000_000) as upstream,
    ):
        if server == "plain":
            program = plain_loop(upstream.url, PLAIN_SLEEP_S / speed)
        else:
            program = gateway(
                Path(folder),
                sandbox_url=upstream.url,
                sandbox_speed=speed,
                wait_limit_s=900,
                looks_per_s=LOOKS_PER_S,
            )
        with program:
            teachers = TEACHERS if server == "ours, taught" else 0
            found = asyncio.run(observe(program, upstream, callers, ARRIVAL_S / speed, teachers))
    return {"server": server, "speed": speed, **found}


async def observe(
    program: Program, upstream: Program, callers: int, arrival_s: float, teachers: int
) -> dict[str, Any]:
    """Run the callers, after fewer if that is to teach, and read the meters."""
    # Of another kind: it must not teach that these are ready at once.
    first = {**BODY, "duration": 5, "prompt": "the first [[ready after=0]]"}
    await call(program.url, post(program.url, BLOCKING_PATH, first))
    request = post(program.url, BLOCKING_PATH, BODY)
    idle_bytes = program.rss_bytes()
    await spread(teachers, arrival_s, lambda nth: call(program.url, request, nth))
    requests, idle_cpu_s = requests_of(upstream), program.cpu_s()
    sampler = asyncio.create_task(highest_rss(program))
    replies = await spread(callers, arrival_s, lambda nth: call(program.url, request, nth))
    peak_bytes = await stop(sampler)
    return {
        "callers": callers,
        "answered": sum(is_answered(reply) for reply in replies),
        "idle_mb": idle_bytes / 1e6,
        "kb_per_caller": (peak_bytes - idle_bytes) / callers / 1e3,
        "cpu_ms_per_job": (program.cpu_s() - idle_cpu_s) / callers * 1e3,
        "upstream_cpu_ms_per_job": upstream.cpu_s() / callers * 1e3,
        "span_s": max(r.answered_at for r in replies) - min(r.asked_at for r in replies),
        "requests_per_job": (requests_of(upstream) - requests) / callers,
        "delay_s": delay_of(upstream, replies),
    }


async def highest_rss(program: Program) -> int:
    """Watch the memory until cancelled; returns its highest."""
    peak = program.rss_bytes()
    try:
        while True:
            await asyncio.sleep(SAMPLE_S)
            peak = max(peak, program.rss_bytes())
    except asyncio.CancelledError:
        return peak


async def stop(sampler: asyncio.Task[int]) -> int:
    """Cancel a sampler and take its result."""
    sampler.cancel()
    return await sampler


def is_answered(reply: Reply) -> bool:
    """Whether a caller got its finished video."""
    return reply.status == 200 and reply.json().get("status") == "COMPLETED"


def requests_of(upstream: Program) -> int:
    """How often the sandbox was asked for a job or its file, by its own record."""
    counts = fetch_json(f"{upstream.url}/_sandbox")["counts"]
    return sum(sum(counts.get(operation, {}).values()) for operation in ("status", "asset"))


def delay_of(upstream: Program, replies: Sequence[Reply]) -> dict[str, float]:
    """From when a job was ready, by the sandbox's own record, to its answer; seconds."""
    jobs = fetch_json(f"{upstream.url}/_sandbox/jobs")["data"]
    ready_at = {job["id"]: job["ready_at"] for job in jobs}
    delays = [
        reply.answered_at - ready_at[reply.json()["id"]] for reply in replies if is_answered(reply)
    ]
    delay = Spread.of(delays)
    return {"mean": delay.mean, "p50": delay.p50, "p95": delay.p95, "p99": delay.p99}


def row(result: dict[str, Any]) -> list[str]:
    delay = result["delay_s"]
    return [
        f"{result['callers']:,}",
        result["server"],
        f"{result['speed']:g}",
        f"{result['answered']:,}",
        f"{result['kb_per_caller']:.1f}",
        f"{result['cpu_ms_per_job']:.2f}",
        f"{result['requests_per_job']:.1f}",
        *(f"{delay[name]:.2f} s" for name in ("mean", "p50", "p95", "p99")),
    ]


def run(loads: Mapping[str, Sequence[int]], speed: float = 1.0) -> list[dict[str, Any]]:
    prepare_process()
    return [measure(server, callers, speed) for server, sizes in loads.items() for callers in sizes]


def report(results: Sequence[dict[str, Any]]) -> str:
    return table(COLUMNS, map(row, results))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, nargs="*", default=[100, 1000, 10_000])
    parser.add_argument("--plain", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--taught", type=int, nargs="*", default=[1000])
    parser.add_argument("--speed", type=float, default=1.0)
    options = parser.parse_args(arguments)
    loads = {"plain": options.plain, "ours": options.callers, "ours, taught": options.taught}
    print(report(run(loads, options.speed)))


if __name__ == "__main__":
    main(sys.argv[1:])
