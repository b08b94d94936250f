"""Event streams: what each costs, and how soon an end is told to all of them.

`python bench/events.py [--streams 1000] [--quiet-s 5]`. So many readers follow one job by
Server-Sent Events. After a while in silence the job is cancelled, and each reader notes when it
hears of it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from figures import Spread, table
from load import Connection, get, post
from programs import Program, gateway, prepare_process, sandbox

VIDEO = {"prompt": "a river [[never]]", "model": "imagine-text-to-video"}
OPENING_AT_ONCE = 50
COLUMNS = ("streams", "memory, kB/stream", "CPU while waiting", "notified: mean", "p99", "heard")


def run(streams: int = 1000, quiet_s: float = 5.0) -> dict[str, Any]:
    prepare_process()
    with (
        TemporaryDirectory(prefix="reelgate-bench-") as folder,
        sandbox(speed=1) as upstream,
        gateway(Path(folder), sandbox_url=upstream.url, sandbox_speed=1) as program,
    ):
        return asyncio.run(observe(program, streams, quiet_s))


async def observe(program: Program, streams: int, quiet_s: float) -> dict[str, Any]:
    """Open them all, wait in silence, cancel, and listen."""
    connection = await Connection.open(program.url)
    _, created = await connection.ask(post(program.url, "/v1/videos", VIDEO))
    video_id = created.split(b'"id":"')[1].split(b'"')[0].decode()
    idle_bytes = program.rss_bytes()
    readers: list[Connection] = []
    for first in range(0, streams, OPENING_AT_ONCE):
        batch = range(first, min(first + OPENING_AT_ONCE, streams))
        readers += await asyncio.gather(*(follow(program, video_id, nth) for nth in batch))
    held_bytes, cpu_s = program.rss_bytes() - idle_bytes, program.cpu_s()
    await asyncio.sleep(quiet_s)
    cpu_s = program.cpu_s() - cpu_s
    ends = [asyncio.create_task(heard_end(reader)) for reader in readers]
    cancelled_at = time.monotonic()
    await connection.ask(post(program.url, f"/v1/videos/{video_id}/cancel", {}))
    heard = [at - cancelled_at for at in await asyncio.gather(*ends) if at is not None]
    if not heard:
        message = "no stream told of the end"
        raise RuntimeError(message)
    for each in (connection, *readers):
        each.close()
    return {
        "streams": streams,
        "kb_per_stream": held_bytes / streams / 1e3,
        "cpu_share": cpu_s / quiet_s,
        "told_s": asdict(Spread.of(heard)),
        "heard": len(heard),
    }


async def follow(program: Program, video_id: str, nth: int) -> Connection:
    """Open a stream and read its first event."""
    connection = await Connection.open(program.url, nth)
    connection.writer.write(get(program.url, f"/v1/videos/{video_id}/events"))
    await connection.reader.readuntil(b"event: video")
    return connection


async def heard_end(connection: Connection) -> float | None:
    """When this reader heard of the end (monotonic seconds); None if the stream broke."""
    try:
        await connection.reader.readuntil(b'"status":"failed"')
    except (OSError, EOFError, asyncio.LimitOverrunError):
        return None
    return time.monotonic()


def report(result: dict[str, Any]) -> str:
    told = result["told_s"]
    return table(
        COLUMNS,
        [
            (
                f"{result['streams']:,}",
                f"{result['kb_per_stream']:.1f}",
                f"{result['cpu_share']:.0%} of a core",
                f"{told['mean']:.2f} s",
                f"{told['p99']:.2f} s",
                f"{result['heard']:,}",
            )
        ],
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--quiet-s", type=float, default=5.0)
    options = parser.parse_args(arguments)
    print(report(run(options.streams, options.quiet_s)))


if __name__ == "__main__":
    main(sys.argv[1:])
