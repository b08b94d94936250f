"""Programs under measurement: started as processes of their own, asked for memory and CPU."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Self

HERE = Path(__file__).parent
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

SANDBOX = (
    "import json,sys; from reelgate.sandbox import SandboxOptions;"
    "from reelgate.sandbox.server import run_sandbox;"
    "run_sandbox(SandboxOptions(**json.loads(sys.argv[1])))"
)


@dataclass(slots=True)
class Program:
    """A running process that serves HTTP on loopback; stopped when the context ends."""

    name: str
    command: Sequence[str]
    url: str
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_path: str = "/"
    start_timeout_s: float = START_TIMEOUT_S
    _process: subprocess.Popen[bytes] | None = None
    _output: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._output = TemporaryFile()
        environment = {**os.environ, **self.environment}
        self._process = subprocess.Popen(
            self.command, env=environment, stdout=self._output, stderr=self._output
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._output is not None:
            self._output.close()

    def _wait_until_ready(self) -> None:
        ends_at = time.monotonic() + self.start_timeout_s
        while time.monotonic() < ends_at:
            if self.process.poll() is not None:
                break
            try:
                fetch(self.url + self.ready_path, timeout_s=1.0)
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise RuntimeError(f"{self.name} does not start:\n{self.output()[-4000:]}")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process

    def output(self) -> str:
        """What it has printed so far."""
        if self._output is None:
            return ""
        return os.pread(self._output.fileno(), 1_000_000, 0).decode(errors="replace")

    def rss_bytes(self) -> int:
        """Its resident memory."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * PAGE_BYTES

    def cpu_s(self) -> float:
        """The CPU time it has used, in its own code and in the kernel's."""
        return sum(self.cpu_parts_s())

    def cpu_parts_s(self) -> tuple[float, float]:
        """The same apart: its own code, and the kernel for it."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) / TICKS_PER_S, int(fields[12]) / TICKS_PER_S

    def handles(self) -> int:
        """How many file handles it holds."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())


def sandbox(**options: object) -> Program:
    """A sandbox of its own with these options."""
    port = free_port()
    told = json.dumps({"port": port, "credits": 10**9, "max_short_side_px": 90, **options})
    command = [sys.executable, "-c", SANDBOX, told]
    return Program("sandbox", command, f"http://127.0.0.1:{port}", ready_path="/_sandbox")


def gateway(data_dir: Path, **settings: object) -> Program:
    """Our gateway, started as users start it; settings by their names."""
    port = free_port()
    chosen = {"data_dir": data_dir, "port": port, "log_level": "error", **settings}
    environment = {f"REELGATE_{name.upper()}": str(value) for name, value in chosen.items()}
    environment["IMAGINE_TOKEN"] = ""
    return Program(
        "reelgate",
        [sys.executable, "-m", "reelgate", "serve"],
        f"http://127.0.0.1:{port}",
        environment,
        ready_path="/health",
    )


def plain_loop(sandbox_url: str, sleep_s: float) -> Program:
    """The loop that everybody writes, against the same sandbox."""
    port = free_port()
    command = [sys.executable, str(HERE / "plain_loop.py"), str(port), sandbox_url, str(sleep_s)]
    return Program("plain loop", command, f"http://127.0.0.1:{port}", ready_path="/openapi.json")


def free_port() -> int:
    """A port of loopback that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(url: str, *, timeout_s: float = 30.0) -> bytes:
    """GET a loopback address.

    Raises:
        OSError: it does not answer, or not with success.
    """
    with urllib.request.urlopen(url, timeout=timeout_s) as answer:
        body: bytes = answer.read()
        return body


def fetch_json(url: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(fetch(url, timeout_s=60.0))
    return found


def prepare_process() -> None:
    """Take as many file handles as this machine allows, and end in good order when told to.

    Whatever ends us, the programs that we started must end too.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
