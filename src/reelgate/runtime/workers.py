"""Several gateway processes behind one listening socket: `reelgate serve --workers N`.

The parent listens and starts the workers, which inherit the socket; the kernel hands each
connection to one of them. It starts a worker again that dies, and passes signals on. A worker and
its parent have a pair of sockets: the worker says there that it serves, and stops when its parent
is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

STEADY_S = 10.0
"""A worker that has lived so long was started well."""
LONGEST_PAUSE_S = 30.0
"""Longest time before a worker that dies again and again is started again."""
SERVES = b"s"
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class WorkerFailed(Exception):
    """A worker ended before it ever served; `code` is how."""

    def __init__(self, code: int) -> None:
        super().__init__(f"a worker ended with {code} before it served")
        self.code = code


@dataclass(slots=True)
class Supervisor:
    """Keeps a number of workers alive until it is told to stop.

    Attributes:
        command: starts one; its last arguments are the numbers of the listener and of the socket
            to its parent.
        listener: what the workers listen on.
        ready: called once, when the first worker serves.
    """

    command: tuple[str, ...]
    listener: socket.socket
    ready: Callable[[], None]
    _running: set[asyncio.subprocess.Process] = field(default_factory=set)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _was_ready: bool = False

    async def run(self, count: int) -> None:
        """Run workers until SIGTERM or SIGINT, which they get as well, each time it comes.

        Raises:
            WorkerFailed: one ended before any of them served.
        """
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._pass_on, number)
        tasks = [asyncio.create_task(self._keep()) for _ in range(count)]
        try:
            await asyncio.gather(*tasks)
        finally:
            self._pass_on(signal.SIGTERM)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(process.wait() for process in set(self._running)))

    async def _keep(self) -> None:
        """Run one worker, and another in its place when it dies."""
        deaths = 0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            code = await self._run_one()
            if self._stopping.is_set():
                return
            if not self._was_ready:
                raise WorkerFailed(code)
            deaths = 0 if time.monotonic() - began_s >= STEADY_S else deaths + 1
            pause_s = min(2.0**deaths / 2, LONGEST_PAUSE_S)
            log.error("worker_died", code=code, again_in_s=pause_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    async def _run_one(self) -> int:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *self.command,
                    str(self.listener.fileno()),
                    str(theirs.fileno()),
                    pass_fds=(self.listener.fileno(), theirs.fileno()),
                    # A terminal would send its Ctrl-C to all of them, and we pass it on as well.
                    start_new_session=True,
                )
            self._running.add(process)
            try:
                ours.settimeout(0)
                if await asyncio.get_running_loop().sock_recv(ours, 1) == SERVES:
                    self._tell_ready()
                return await process.wait()
            finally:
                if process.returncode is not None:
                    self._running.discard(process)

    def _tell_ready(self) -> None:
        if not self._was_ready:
            self._was_ready = True
            self.ready()

    def _pass_on(self, number: int) -> None:
        self._stopping.set()
        for process in self._running:
            if process.returncode is None:
                process.send_signal(number)


def worker_command(host: str, port: int) -> tuple[str, ...]:
    """This very program, as a worker for what listens there."""
    at = ("--host", host, "--port", str(port))
    return (sys.executable, "-m", "reelgate", "serve", *at, "--inherit")


def serving_for(parent: socket.socket) -> Callable[[], None]:
    """What a worker calls once it serves: it tells its parent, and stops when that is gone."""

    def gone() -> None:
        asyncio.get_running_loop().remove_reader(parent)
        os.kill(os.getpid(), signal.SIGTERM)

    def serves() -> None:
        asyncio.get_running_loop().add_reader(parent, gone)
        parent.send(SERVES)

    return serves
