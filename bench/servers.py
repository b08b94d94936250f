"""Two ASGI servers under one application: `python bench/servers.py`.

Measured of the server's processes alone: CPU for a small JSON answer, and memory for a caller that
waits for its answer. granian is measured where it is installed; it is no dependency of the project.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import aiohttp
from fastapi import FastAPI
from fastapi.responses import JSONResponse

APP = "servers:app"
WAIT_FOR_START_S = 20.0
PRIVATE = re.compile(r"^Private_\w+:\s+(\d+) kB$", re.MULTILINE)

app = FastAPI()


@app.get("/json")
async def small() -> JSONResponse:
    """As small an answer as there is."""
    return JSONResponse({"status": "ok", "jobs_open": 0})


@app.post("/wait")
async def wait() -> JSONResponse:
    """A caller that is kept waiting."""
    await asyncio.sleep(600)
    return JSONResponse({})


def commands(port: int) -> dict[str, list[str]]:
    """How each server is started."""
    uvicorn = ["uvicorn", APP, "--port", str(port), "--no-access-log", "--log-level", "error"]
    uvicorn += ["--loop", "uvloop", "--http", "httptools", "--backlog", "4096"]
    found = {f"uvicorn {version('uvicorn')}": uvicorn}
    if importlib.util.find_spec("granian"):
        granian = ["granian", APP, "--port", str(port), "--interface", "asgi", "--no-ws"]
        granian += ["--loop", "uvloop", "--log-level", "error", "--backlog", "4096"]
        found[f"granian {version('granian')}"] = granian
    return found


@contextmanager
def serving(command: list[str], port: int) -> Iterator[int]:
    """A server, from when it listens on; yields its process's id."""
    program = subprocess.Popen([sys.executable, "-m", *command], cwd=Path(__file__).parent)
    try:
        deadline = time.monotonic() + WAIT_FOR_START_S
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            if time.monotonic() > deadline or program.poll() is not None:
                message = f"{command[0]} does not start"
                raise SystemExit(message)
            time.sleep(0.1)
        yield program.pid
    finally:
        # Not told to stop: it would first see its waiting callers to their end.
        for each in family(program.pid):
            os.kill(each, signal.SIGKILL)
        program.wait()


def family(pid: int) -> list[int]:
    """A process and its children: granian serves from one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(each for child in children for each in family(int(child)))]


def cpu_s(pid: int) -> float:
    """CPU seconds so far, in user and system mode (proc(5))."""
    ticks = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_kb(pid: int) -> int:
    """Memory of its own that it holds now, in units of 1024 bytes."""
    rollups = (Path(f"/proc/{each}/smaps_rollup").read_text("ascii") for each in family(pid))
    return sum(int(kb) for text in rollups for kb in PRIVATE.findall(text))


async def hammer(url: str, count: int, at_once: int) -> None:
    """So many requests, so many at once."""
    connector = aiohttp.TCPConnector(limit=at_once)
    numbers = iter(range(count))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def caller() -> None:
            for _ in numbers:
                async with session.get(url) as answer:
                    await answer.read()

        await asyncio.gather(*(caller() for _ in range(at_once)))


async def hold(url: str, count: int, pid: int) -> float:
    """Kilobytes for each of so many callers that wait."""
    before = memory_kb(pid)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        body = {"prompt": "a cat"}
        waiting = [asyncio.create_task(session.post(url, json=body)) for _ in range(count)]
        await asyncio.wait(waiting, timeout=5.0)
        held = memory_kb(pid) - before
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return held / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--waiting", type=int, default=1000)
    parser.add_argument("--port", type=int, default=18765)
    asked = parser.parse_args()
    url = f"http://127.0.0.1:{asked.port}"
    print(f"Python {sys.version.split()[0]}, {asked.requests} requests, {asked.waiting} waiting")
    for name, command in commands(asked.port).items():
        with serving(command, asked.port) as pid:
            asyncio.run(hammer(f"{url}/json", 1000, 64))
            before_s = cpu_s(pid)
            asyncio.run(hammer(f"{url}/json", asked.requests, 64))
            rate = asked.requests / (cpu_s(pid) - before_s)
            idle = memory_kb(pid)
            each = asyncio.run(hold(f"{url}/wait", asked.waiting, pid))
        print(
            f"{name:18} {rate:7.0f} JSON answers/CPU s, {idle / 1024:5.0f} MB idle, "
            f"{each:6.1f} kB a waiting caller"
        )


if __name__ == "__main__":
    main()
