"""The last release and the working tree, each run as people run it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.gateway import GIVE_UP_S, SPEED, soon

ROOT = Path(__file__).parents[3]
LAST_RELEASE = Path(__file__).with_name("LAST_RELEASE").read_text().strip()
"""The commit that the last release was made of: what runs beside this one in a rolling deploy."""
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Release:
    """A version of the program; `packages` is the folder that it is installed in, if it has one.

    Both run on the libraries that the tests run on.
    """

    name: str
    packages: Path | None = None

    def env(self) -> dict[str, str]:
        """The environment that makes Python find this version, without anybody's settings."""
        ours = ("REELGATE_", "IMAGINE_", "PORT", "PYTHONPATH")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return clean if self.packages is None else clean | {"PYTHONPATH": str(self.packages)}

    def run(self, data_dir: Path, *command: str) -> subprocess.CompletedProcess[str]:
        """What a command of this version prints, and its exit code."""
        data_dir.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-m", "reelgate", *command],
            cwd=data_dir,
            env=self.env() | {"REELGATE_DATA_DIR": str(data_dir)},
            capture_output=True,
            text=True,
            timeout=GIVE_UP_S,
            check=False,
        )

    def home(self) -> Path:
        """Where the code is that runs."""
        command = [sys.executable, "-c", "import reelgate; print(reelgate.__file__)"]
        return Path(output(command, cwd=Path("/"), env=self.env()).strip()).parent


WORKING_TREE = Release("new")


class RunningRelease:
    """A gateway of one release, in a process of its own."""

    def __init__(self, release: Release, data_dir: Path, **settings: str) -> None:
        data_dir.mkdir(exist_ok=True)
        self._address = data_dir / "server.url"
        self._address.unlink(missing_ok=True)
        self._log = data_dir / f"{release.name}.log"
        env = release.env() | {
            "REELGATE_DATA_DIR": str(data_dir),
            "REELGATE_SANDBOX_SPEED": str(SPEED),
            "REELGATE_SHUTDOWN_GRACE_S": "0",
            **settings,
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reelgate", "serve", "--port", "0"],
                cwd=data_dir,
                env=env,
                stdout=log,
                stderr=log,
            )

    async def url(self) -> str:
        """Where it listens, once it does."""
        await soon(lambda: self._address.exists() or self._process.poll() is not None)
        assert self._process.poll() is None, self._log.read_text()
        return self._address.read_text().strip()

    async def end(self) -> None:
        """SIGTERM it and wait for its end."""
        self._process.terminate()
        assert await asyncio.to_thread(self._process.wait, GIVE_UP_S) == 0, self._log.read_text()

    def pause(self) -> None:
        """SIGSTOP it; what it was doing goes on until it stands still, and so is waited for."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL it, if it still runs."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


def install_last_release(folder: Path) -> Release:
    """Build the last release's wheel and install it; the test processes do so once for all."""
    packages = folder / "last-release"
    with FileLock(folder / "last-release.lock"):
        if not packages.exists():
            source = folder / "last-release-source"
            check_out(source)
            output([str(UV), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(source)])
            [wheel] = folder.glob("*.whl")
            install = ["pip", "install", "--quiet", "--no-deps", "--target", str(packages)]
            output([str(UV), *install, "--python", sys.executable, str(wheel)])
    return Release("old", packages)


def check_out(folder: Path) -> None:
    """Lay the last release's sources out; where there is no such commit the test says so."""
    folder.mkdir()
    archive = folder / "source.tar"
    # In a container the checkout may belong to another user, which git takes for a danger.
    git = ["git", "-c", f"safe.directory={ROOT}"]
    found = subprocess.run(
        [*git, "archive", "--output", str(archive), LAST_RELEASE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        pytest.skip(
            f"this clone does not have the commit of the last release, {LAST_RELEASE} "
            f"(tests/e2e/upgrade/LAST_RELEASE): fetch the whole history, git fetch --unshallow. "
            f"Git says: {found.stderr.strip()}"
        )
    output(["tar", "-xf", str(archive), "-C", str(folder)])
    archive.unlink()


def output(command: list[str], cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """What a command prints; where it fails the test says what it said."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
