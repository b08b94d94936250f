"""The cluster's processes: gateways and the sandbox, as users run them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

START_TIMEOUT_S = 60.0
POLL_S = 0.05


class Program:
    """One command of ours, in a process that can be killed, paused and started again."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], log: Path) -> None:
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self._command = [sys.executable, "-m", "reelgate", *command, "--port", str(self.port)]
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None
        self._is_wanted = False

    @property
    def pid(self) -> int:
        """Which process it is, for the log."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it; `answers` tells when it is there."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, stdout=log, stderr=subprocess.STDOUT
            )
        self._is_wanted = True

    @property
    def has_crashed(self) -> bool:
        """Whether it has ended although nobody wanted that."""
        ended = self._process is not None and self._process.poll() is not None
        return self._is_wanted and ended

    async def answers(self, session: aiohttp.ClientSession, path: str) -> None:
        """Wait until it answers a request."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                async with session.get(self.url + path) as response:
                    await response.read()
                    return
            except (aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(POLL_S)
        message = f"{self.name} does not answer; see {self.log}"
        raise RuntimeError(message)

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self._is_wanted = False
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: it lives, but does nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on as if no time had passed."""
        os.kill(self.pid, signal.SIGCONT)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
