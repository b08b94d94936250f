"""Gateways and sandboxes as processes of their own, which can be killed.

They are forked from one server process that has everything imported, so that a start costs
milliseconds and a test can afford many.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from uvloop import new_event_loop

from reelgate.providers.registry import KINDS
from reelgate.runtime.server import listen, serve, url_of
from reelgate.sandbox import Sandbox, SandboxOptions
from reelgate.settings import Settings

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 30.0


class Program:
    """A running process and the address at which it serves."""

    def __init__(self, main: Callable[..., None], log: Path, *args: object) -> None:
        ours, theirs = CONTEXT.Pipe()
        self._process: ForkServerProcess = CONTEXT.Process(
            target=main, args=(theirs, log, *args), daemon=True
        )
        self._process.start()
        theirs.close()
        with ours:
            assert ours.poll(START_TIMEOUT_S), "the process does not start"
            self.url: str = ours.recv()

    @property
    def rss_bytes(self) -> int:
        """The memory that it takes."""
        statm = Path(f"/proc/{self._process.pid}/statm").read_text()
        return int(statm.split()[1]) * resource.getpagesize()

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self._process.kill()
        self.ended()

    def terminate(self) -> None:
        """SIGTERM; `ended` waits for what follows."""
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def ended(self) -> int | None:
        """Wait for its end; its exit code, negative for a signal."""
        self._process.join(END_TIMEOUT_S)
        assert not self._process.is_alive(), "the process does not end"
        return self._process.exitcode


def start_gateway(settings: dict[str, Any], log: Path, *, open_files: int | None = None) -> Program:
    """A gateway with these settings; what it prints is added to a file.

    `open_files` is how many files and sockets it may have open.
    """
    return Program(gateway_main, log, settings, open_files)


def start_sandbox(options: SandboxOptions, log: Path) -> Program:
    """A sandbox of its own, which outlives the gateways that use it."""
    return Program(sandbox_main, log, options)


def gateway_main(
    ready: Connection, log: Path, values: dict[str, Any], open_files: int | None
) -> None:
    """The gateway's process, on the event loop of `reelgate serve`."""
    print_to(log)
    if open_files is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files // 2, open_files))
    accounts = {
        name: KINDS[name].settings.model_validate(own)
        for name, own in values.get("providers", {}).items()
    }
    settings = Settings.model_validate({**values, "providers": accounts})
    listener = listen(settings)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(settings, listener, lambda: ready.send(url_of(listener))))


def sandbox_main(ready: Connection, log: Path, options: SandboxOptions) -> None:
    """The sandbox's process."""
    print_to(log)
    allow_many_connections()
    asyncio.run(serve_sandbox(ready, options))


async def serve_sandbox(ready: Connection, options: SandboxOptions) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Sandbox(options) as sandbox:
        ready.send(sandbox.url)
        ready.close()
        await stop.wait()


def allow_many_connections() -> None:
    """Let this process open as many files as the machine allows it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def print_to(log: Path) -> None:
    """Send both output streams to a file, tracebacks included."""
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
