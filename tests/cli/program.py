"""Runs the installed `reelgate` as people do: a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("reelgate"))
TIMEOUT_S = 100.0
OURS = ("REELGATE_", "IMAGINE_", "PORT", "TERM", "COLUMNS", "FORCE_COLOR", "NO_COLOR")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        answer = json.loads(self.out)
        assert isinstance(answer, dict)
        return answer


@dataclass(frozen=True)
class Home:
    """A working folder with a data folder in it."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def env(self, **more: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        ours = {
            "REELGATE_DATA_DIR": str(self.data),
            "REELGATE_SANDBOX_SPEED": "60",
            "REELGATE_SUBMIT_ATTEMPTS": "1",
            "COLUMNS": "200",
        }
        return clean | ours | more

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *args],
            cwd=self.folder,
            env=self.env(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str, **env: str) -> Result:
        with self.start(*args, **env) as process:
            return finish(process)

    def address(self, process: subprocess.Popen[str]) -> str:
        """Where a `serve` in this home listens, once it does."""
        file = self.data / "server.url"
        wait_until(lambda: file.exists() or process.poll() is not None)
        assert process.poll() is None, finish(process).err
        return file.read_text().strip()


def finish(process: subprocess.Popen[str]) -> Result:
    """Wait for the end; what hangs is killed, so that the test fails and nothing stays behind."""
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Result(process.returncode, out, err)


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> Result:
    process.send_signal(number)
    return finish(process)


def wait_until(condition: Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
    ends_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends_at, "it never happened"
        time.sleep(0.05)
