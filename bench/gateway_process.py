"""A gateway in a process of its own, for the benchmarks to ask."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from reelgate.logs import configure_log
from reelgate.runtime.server import running
from reelgate.sandbox import Sandbox, SandboxOptions
from reelgate.settings import Settings

SPAWN = multiprocessing.get_context("spawn")
SPEED = 1000.0


@dataclass(frozen=True)
class Running:
    """A gateway's address and its process's id."""

    url: str
    pid: int


@contextmanager
def gateway_process(folder: Path) -> Iterator[Running]:
    """A gateway on its sandbox, with its data in a folder."""
    with started(gateway_main, folder) as process:
        yield process


@contextmanager
def serving(application: Callable[[Path], web.Application], folder: Path) -> Iterator[str]:
    """An aiohttp application about a folder; yields its address."""
    with started(bare_main, application, folder) as process:
        yield process.url


@contextmanager
def started(main: Callable[..., None], *args: object) -> Iterator[Running]:
    """A process that tells its address and serves until it is told to stop."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=main, args=(theirs, *args))
    process.start()
    try:
        yield Running(ours.recv(), process.pid or 0)
    finally:
        process.terminate()
        process.join()


def gateway_main(ready: Connection, folder: Path) -> None:
    configure_log("error")
    run(until_told(gateway(folder), ready))


def bare_main(
    ready: Connection, application: Callable[[Path], web.Application], folder: Path
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    run(until_told(bare(application(folder)), ready))


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def until_told(server: AbstractAsyncContextManager[str], ready: Connection) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with server as url:
        ready.send(url)
        await stop.wait()


@asynccontextmanager
async def gateway(folder: Path) -> AsyncIterator[str]:
    """A gateway whose sandbox makes tiny clips."""
    options = SandboxOptions(speed=SPEED, max_short_side_px=64)
    async with Sandbox(options) as sandbox:
        values = {"_env_file": None, "data_dir": folder, "port": 0, "sandbox_speed": SPEED}
        settings = Settings.model_validate(values | {"sandbox_url": sandbox.url})
        async with running(settings) as url:
            yield url


@asynccontextmanager
async def bare(app: web.Application) -> AsyncIterator[str]:
    """An application on a free port."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def finished_video(url: str) -> str:
    """The id of a video made just now."""
    body = {"prompt": "a cat [[ready after=0]]", "seconds": "5", "size": "1280x720"}
    async with aiohttp.ClientSession(url) as session:
        async with session.post("/v1/videos", json=body) as response:
            video = await response.json()
        while video["status"] != "completed":
            await asyncio.sleep(0.1)
            async with session.get(f"/v1/videos/{video['id']}") as response:
                video = await response.json()
    return str(video["id"])


def grow(folder: Path, video_id: str, size_bytes: int) -> None:
    """Make a kept file as large as a long video, on the disk and in the gateway's database."""
    os.truncate(folder / "videos" / f"{video_id}.mp4", size_bytes)
    with closing(sqlite3.connect(folder / "reelgate.sqlite")) as connection, connection:
        query = "SELECT file FROM videos WHERE id = ?"
        file: dict[str, Any] = json.loads(connection.execute(query, (video_id,)).fetchone()[0])
        file["size_bytes"] = size_bytes
        change = "UPDATE videos SET file = ?, file_bytes = ? WHERE id = ?"
        connection.execute(change, (json.dumps(file), size_bytes, video_id))


class Memory:
    """A process's memory, as Linux counts it (proc_pid_status(5), proc_pid_clear_refs(5))."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        (self._folder / "clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        """The most it has had since this object was made."""
        status = (self._folder / "status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
