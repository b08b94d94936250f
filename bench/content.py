"""How fast a kept video is downloaded, beside a bare file server on the same machine.

    python bench/content.py [--readers 8] [--size-mb 200] [--rounds 3] [--json]

The gateway, the bare server (aiohttp's own static files, which the kernel sends: sendfile) and
the readers are processes of their own. Each round downloads the video by all readers at once from
the one and then from the other; the best round of each counts. Memory is the gateway's own peak
(VmHWM), counted anew before the downloads begin.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from gateway_process import Memory, finished_video, gateway_process, grow, serving

MEGA = 1_000_000
READ_BYTES = 2**20


@dataclass(frozen=True)
class Result:
    """What one run measured; speeds over all readers together."""

    readers: int
    size_mb: int
    gateway_mb_s: float
    bare_mb_s: float
    ratio: float
    gateway_rss_before_mb: float
    gateway_rss_peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--size-mb", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelgate-bench-") as folder:
        result = measure(Path(folder), asked.readers, asked.size_mb, asked.rounds)
    print(json.dumps(asdict(result)) if asked.json else sentence(result))


def sentence(result: Result) -> str:
    return (
        f"{result.readers} downloads of {result.size_mb} MB at once: "
        f"gateway {result.gateway_mb_s:.0f} MB/s, bare file server {result.bare_mb_s:.0f} MB/s, "
        f"ratio {result.ratio:.2f}; the gateway's memory {result.gateway_rss_before_mb:.0f} MB "
        f"before and {result.gateway_rss_peak_mb:.0f} MB at its peak"
    )


def measure(folder: Path, readers: int, size_mb: int, rounds: int) -> Result:
    with gateway_process(folder) as gateway, serving(bare_server, folder / "videos") as bare_url:
        video_id = asyncio.run(finished_video(gateway.url))
        grow(folder, video_id, size_mb * MEGA)
        gateway_url = f"{gateway.url}/v1/videos/{video_id}/content"
        memory = Memory(gateway.pid)
        before = memory.peak_bytes()
        speeds = [
            (
                speed(gateway_url, readers, size_mb),
                speed(f"{bare_url}/{video_id}.mp4", readers, size_mb),
            )
            for _ in range(rounds)
        ]
        peak = memory.peak_bytes()
    best, bare = (max(column) for column in zip(*speeds, strict=True))
    return Result(readers, size_mb, best, bare, best / bare, before / MEGA, peak / MEGA)


def speed(url: str, readers: int, size_mb: int) -> float:
    """MB per second that all readers together take in, in a process of their own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=download_all, args=(theirs, url, readers))
    process.start()
    took_s, received_bytes = ours.recv()
    process.join()
    assert received_bytes == readers * size_mb * MEGA, "a download broke off"
    return float(received_bytes / MEGA / took_s)


def download_all(done: Connection, url: str, readers: int) -> None:
    """The readers' process: plain sockets in threads, so that the servers are what is measured."""
    began = time.perf_counter()
    with ThreadPoolExecutor(readers) as pool:
        received = sum(pool.map(read, [url] * readers))
    done.send((time.perf_counter() - began, received))


def read(url: str) -> int:
    """One download, thrown away; the length of its body in bytes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        buffer = bytearray(READ_BYTES)
        size = connection.recv_into(buffer)
        head = buffer[:size].split(b"\r\n\r\n", 1)[0]
        assert head.startswith(b"HTTP/1.1 200 "), head
        received = size - len(head) - 4
        while size := connection.recv_into(buffer):
            received += size
        return received


def bare_server(folder: Path) -> web.Application:
    """A server of one folder's files and nothing else."""
    app = web.Application()
    app.router.add_static("/", folder)
    return app


if __name__ == "__main__":
    main()
