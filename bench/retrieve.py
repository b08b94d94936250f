"""How many retrieves and lists a second a gateway answers, beside a bare FastAPI route.

    python bench/retrieve.py [--jobs 10000] [--connections 16] [--seconds 4] [--json]

The gateway has this many finished videos in its table. The bare route answers with one such video
object, kept in memory: what the framework and the server cost without a database. Gateway, bare
server and the one that asks are processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import sqlite3
import tempfile
import time
import urllib.request
from contextlib import closing
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from gateway_process import finished_video, gateway_process, run, started

from reelgate.domain.video import new_video_id

LIST_LIMIT = 20
VIDEOS = "/v1/videos"


@dataclass(frozen=True)
class Result:
    """What one run measured: requests a second, and the middle answer's time in milliseconds."""

    jobs: int
    connections: int
    retrieve_per_s: float
    retrieve_ms: float
    list_per_s: float
    list_ms: float
    bare_per_s: float
    bare_ms: float
    ratio: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelgate-bench-") as folder:
        result = measure(Path(folder), asked.jobs, asked.connections, asked.seconds)
    print(json.dumps(asdict(result)) if asked.json else sentence(result))


def sentence(result: Result) -> str:
    return (
        f"{result.jobs} videos, {result.connections} connections: "
        f"retrieve {result.retrieve_per_s:.0f}/s ({result.retrieve_ms:.1f} ms), "
        f"list of {LIST_LIMIT} {result.list_per_s:.0f}/s ({result.list_ms:.1f} ms), "
        f"bare FastAPI route {result.bare_per_s:.0f}/s ({result.bare_ms:.1f} ms), "
        f"ratio of retrieve to bare {result.ratio:.2f}"
    )


def measure(folder: Path, jobs: int, connections: int, seconds: float) -> Result:
    """Ask the gateway for videos and for lists, and the bare route."""
    with gateway_process(folder) as gateway:
        first = asyncio.run(finished_video(gateway.url))
        ids = copies(folder, first, jobs)
        object_url = f"{gateway.url}{VIDEOS}/{first}"
        with urllib.request.urlopen(object_url) as answer:
            shown = json.load(answer)
        paths = [f"{VIDEOS}/{video_id}" for video_id in random.sample(ids, min(1000, jobs))]
        pages = [f"{VIDEOS}?limit={LIST_LIMIT}&after={path.rpartition('/')[2]}" for path in paths]
        with started(bare_main, shown) as bare:
            retrieve, retrieve_ms = rate(gateway.url, paths, connections, seconds)
            listed, list_ms = rate(gateway.url, pages, connections, seconds)
            static, static_ms = rate(bare.url, paths, connections, seconds)
    ratio = retrieve / static
    return Result(
        jobs, connections, retrieve, retrieve_ms, listed, list_ms, static, static_ms, ratio
    )


def copies(folder: Path, video_id: str, jobs: int) -> list[str]:
    """Fill the table with copies of one finished video; their ids."""
    ids = [new_video_id() for _ in range(jobs)]
    with closing(sqlite3.connect(folder / "reelgate.sqlite")) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(videos)")]
        others = ", ".join(name for name in names if name != "id")
        copy = f"INSERT INTO videos (id, {others}) SELECT ?, {others} FROM videos WHERE id = ?"
        connection.executemany(copy, [(new_id, video_id) for new_id in ids])
    return ids


def rate(url: str, paths: list[str], connections: int, seconds: float) -> tuple[float, float]:
    """Answers a second and the middle one's milliseconds, asked for by a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    arguments = (theirs, url, paths, connections, seconds)
    process = multiprocessing.Process(target=ask_all, args=arguments)
    process.start()
    times_s: list[float] = ours.recv()
    process.join()
    return len(times_s) / seconds, sorted(times_s)[len(times_s) // 2] * 1000


def ask_all(done: Connection, url: str, paths: list[str], connections: int, seconds: float) -> None:
    """The asking process: plain sockets, so that it takes little of the machine."""
    done.send(asyncio.run(asked_for(url, paths, connections, seconds)))


async def asked_for(url: str, paths: list[str], connections: int, seconds: float) -> list[float]:
    """How long each answer took, in seconds."""
    ends_at = time.perf_counter() + seconds
    loops = [one_connection(url, paths[nth::connections], ends_at) for nth in range(connections)]
    return [took_s for times_s in await asyncio.gather(*loops) for took_s in times_s]


async def one_connection(url: str, paths: list[str], ends_at: float) -> list[float]:
    """One connection that asks for one path after the other."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    times_s = []
    nth = 0
    while (began := time.perf_counter()) < ends_at:
        path = paths[nth % len(paths)]
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200 "), head
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        times_s.append(time.perf_counter() - began)
        nth += 1
    writer.close()
    return times_s


def bare_main(ready: Connection, shown: dict[str, object]) -> None:
    """A FastAPI application with one route and a dictionary, served as the gateway is."""
    app = FastAPI()

    @app.get(VIDEOS + "/{video_id}")
    async def get_video(video_id: str) -> dict[str, object]:
        return shown | {"id": video_id}

    config = uvicorn.Config(app, port=0, http="httptools", access_log=False, log_config=None)
    listener = config.bind_socket()
    ready.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    listener.listen(128)
    run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
