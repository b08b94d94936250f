"""Several gateway processes on one Postgres: what each more of them brings.

`python bench/scaling.py [--processes 1 2 4] [--jobs 2000]`. Each number of processes has new
databases, and one sandbox serves them all. *Accepted* are durable creates a second, sent to all
processes in turn. *Finished* are jobs a second from their request to their kept file, by blocking
callers whose videos are ready at once, so that nothing but the gateways' own work takes time. CPU
is the gateways' for each finished job. Callers, gateways, Postgres and the sandbox share the
machine's cores: where those are busy, more processes bring nothing but what survives a crash.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accept import LINES, VIDEO, postgres
from figures import table
from load import BLOCKING_PATH, Connection, post
from programs import Program, gateway, prepare_process, sandbox

FINISHED = {"prompt": "a door [[ready after=0]]", "duration": 5, "resolution": "720p"}
SPEED = 60.0
COLUMNS = ("processes", "accepted/s", "finished/s", "CPU, ms/job", "lost")


def measure(processes: int, jobs: int) -> dict[str, Any]:
    with several(processes, SPEED) as programs:
        asyncio.run(spread(programs, BLOCKING_PATH, FINISHED, LINES))
        used_s = cpu_s(programs)
        finished_s, finished = asyncio.run(spread(programs, BLOCKING_PATH, FINISHED, jobs))
        used_s = cpu_s(programs) - used_s
    # At the provider's own speed: no poll is due to what has just been accepted.
    with several(processes, 1.0) as programs:
        asyncio.run(spread(programs, "/v1/videos", VIDEO, LINES))
        accepted_s, accepted = asyncio.run(spread(programs, "/v1/videos", VIDEO, jobs))
    return {
        "processes": processes,
        "accepted_per_s": accepted / accepted_s,
        "finished_per_s": finished / finished_s,
        "cpu_ms_per_job": used_s / finished * 1e3,
        "lost": 2 * jobs - finished - accepted,
    }


@contextmanager
def several(processes: int, speed: float) -> Iterator[list[Program]]:
    """Gateways on a new database, with a sandbox of this speed."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="reelgate-bench-"))
        url = stack.enter_context(postgres())
        upstream = stack.enter_context(sandbox(speed=speed, max_records=1_000_000))
        yield [
            stack.enter_context(
                gateway(
                    Path(folder, str(nth)),
                    sandbox_url=upstream.url,
                    sandbox_speed=speed,
                    database_url=url,
                    storage_url=Path(folder, "videos"),
                )
            )
            for nth in range(processes)
        ]


async def spread(
    programs: Sequence[Program], path: str, body: dict[str, Any], jobs: int
) -> tuple[float, int]:
    """Send so many requests to all in turn; returns seconds and how many went well."""
    pending = iter(range(jobs))
    well = 0

    async def work(nth: int) -> None:
        nonlocal well
        url = programs[nth % len(programs)].url
        request = post(url, path, body)
        connection = await Connection.open(url, nth)
        try:
            for _ in pending:
                status, _ = await connection.ask(request)
                well += status == 200
        finally:
            connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(work(nth) for nth in range(LINES)))
    return time.perf_counter() - began, well


def cpu_s(programs: Sequence[Program]) -> float:
    """The CPU time that all have used."""
    return sum(program.cpu_s() for program in programs)


def run(processes: Sequence[int], jobs: int) -> list[dict[str, Any]]:
    prepare_process()
    return [measure(number, jobs) for number in processes]


def report(results: Sequence[dict[str, Any]]) -> str:
    return table(
        COLUMNS,
        (
            (
                str(each["processes"]),
                f"{each['accepted_per_s']:.0f}",
                f"{each['finished_per_s']:.0f}",
                f"{each['cpu_ms_per_job']:.1f}",
                str(each["lost"]),
            )
            for each in results
        ),
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--jobs", type=int, default=2000)
    options = parser.parse_args(arguments)
    print(report(run(options.processes, options.jobs)))


if __name__ == "__main__":
    main(sys.argv[1:])
