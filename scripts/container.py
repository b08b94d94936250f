"""Runs the Dockerfile's steps and the container that they make, without a container engine.

The root of each stage is an overlay over this machine's own, in a mount namespace of its own, so
that nothing outside changes. What is shown: every step of the Dockerfile runs, and the image works
as it is meant to be run: as its own user without privileges, its root read-only but for /data and
/tmp. Not shown is what the base image holds. Needs Linux and root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BASE = "/opt/base"
"""A virtual environment of this machine's Python, in place of the base image's."""
INSIDE = "REELGATE_IN_NAMESPACE"
CHECK_GAP_S = 0.5
START_S = 60
GATEWAY = {"REELGATE_ALLOW_OPEN": "true"}
UNPRIVILEGED = ("--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
OF_MACHINE = re.compile(r"(PIP|UV|SSL)_.+|.+_proxy", re.IGNORECASE)
"""Variables by which this machine's package clients find their registry."""


@dataclass
class Stage:
    """One stage: the folder that is its root, and what its instructions have set so far."""

    root: Path
    env: dict[str, str]
    folder: str = "/"
    user: str = "0"
    said: dict[str, str] = field(default_factory=dict)

    def inside(self, path: str) -> Path:
        """A path of the image as one of this machine."""
        return self.root / (Path(self.folder) / path).relative_to("/")

    def command(self, words: Sequence[str], *wrapped: str) -> list[str]:
        """What runs `words` in the stage's root and folder."""
        enter = ("sh", "-c", 'cd "$0" && exec "$@"', self.folder)
        return ["chroot", str(self.root), *wrapped, *enter, *words]


def main() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit("This needs Linux and root.")
    if INSIDE not in os.environ:
        again = ("unshare", "--mount", sys.executable, "-m", "scripts.container")
        os.execvpe(again[0], again, {**os.environ, INSIDE: "1"})
    with tempfile.TemporaryDirectory() as folder:
        mount("-t", "tmpfs", "tmpfs", folder)
        try:
            check(built(Path(folder)))
        finally:
            run(("umount", "--recursive", folder))


def built(work: Path) -> Stage:
    """Run the steps; returns the last stage."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for instruction, rest in instructions((CHECKOUT / "Dockerfile").read_text(encoding="utf-8")):
        say(f"{instruction} {rest}")
        if instruction == "FROM":
            name = rest.partition(" AS ")[2] or str(len(stages))
            stage = stages[name] = new_stage(work / name)
            continue
        if stage is None:
            sys.exit("a Dockerfile begins with FROM")
        follow(stage, instruction, rest, stages)
    if stage is None:
        sys.exit("the Dockerfile is empty")
    return stage


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction with its arguments, in one line."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines():
        if line.strip():
            instruction, _, rest = line.strip().partition(" ")
            yield instruction.upper(), rest.strip()


def new_stage(folder: Path) -> Stage:
    """A root like this machine's, in which nothing has happened yet."""
    upper, scratch, root = (folder / name for name in ("upper", "scratch", "root"))
    for each in (upper, scratch, root):
        each.mkdir(parents=True)
    mount("-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={scratch}", "overlay", root)
    mount("--rbind", "/dev", root / "dev")
    mount("-t", "proc", "proc", root / "proc")
    python = Path(sys.executable).resolve()
    for parent in (root / python.relative_to("/")).parents:
        if parent == root:
            break
        parent.chmod(parent.stat().st_mode | 0o055)  # The image's user starts this Python, too.
    run(["chroot", str(root), str(python), "-m", "venv", BASE])
    return Stage(root, {"PATH": f"{BASE}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})


def follow(stage: Stage, instruction: str, rest: str, stages: Mapping[str, Stage]) -> None:
    """Do what one instruction says."""
    match instruction:
        case "RUN":
            settings = {k: v for k, v in os.environ.items() if OF_MACHINE.fullmatch(k)}
            home = {"HOME": os.environ.get("HOME", "/root"), "UV_LINK_MODE": "copy"}
            run(stage.command(["sh", "-c", rest]), **settings, **home, **stage.env)
        case "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", rest):
                stage.env[name] = value.replace("$PATH", stage.env["PATH"])
        case "WORKDIR":
            stage.folder = rest
            stage.inside(".").mkdir(parents=True, exist_ok=True)
        case "COPY":
            source = CHECKOUT
            if option := re.match(r"--from=(\S+) ", rest):
                source = stages[option[1]].root
            *names, target = rest.removeprefix(option[0] if option else "").split()
            for name in names:
                copy(source / name.lstrip("/"), stage.inside(target), into=target.endswith("/"))
        case "USER":
            stage.user = rest
        case _:
            stage.said[instruction] = rest


def copy(source: Path, target: Path, *, into: bool) -> None:
    """Copy a file, or what a folder holds, as COPY does."""
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__") if CHECKOUT in source.parents else None
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)
    else:
        shutil.copy2(source, target / source.name if into else target)


def check(image: Stage) -> None:
    """Run the container, ask it for a video, and stop it."""
    user = image.user
    private = f"mode=700,uid={user},gid={user}"
    mount("-t", "tmpfs", "tmpfs", image.root / "tmp")
    mount("-t", "tmpfs", "-o", private, "tmpfs", image.root / "data")
    mount("-o", "remount,ro", image.root)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    env = {**image.env, **GATEWAY, "REELGATE_PORT": port, "HOME": "/home/reelgate"}
    drop = ("setpriv", "--reuid", user, "--regid", user, *UNPRIVILEGED)

    def command(words: Sequence[str]) -> list[str]:
        return image.command(words, *drop)

    refused = subprocess.run(command(["touch", "/opt/reelgate/x"]), env=env, check=False)
    if refused.returncode == 0:
        sys.exit("the root can be written")
    starting = json.loads(image.said["ENTRYPOINT"]) + json.loads(image.said["CMD"])
    healthcheck = json.loads(image.said["HEALTHCHECK"].partition("CMD ")[2])
    with subprocess.Popen(command(starting), env=env) as gateway:
        try:
            wait_until_healthy(command(healthcheck), env)
            asked = ("reelgate", "generate", "A cat", "--duration", "5", "--resolution", "720p")
            server_url = ("--server", f"http://127.0.0.1:{port}")
            run(command([*asked, "-o", "/data/cat.mp4", *server_url]), **env)
            gateway.send_signal(getattr(signal, image.said["STOPSIGNAL"]))
            code = gateway.wait(START_S)
        finally:
            gateway.kill()
    if code != 0:
        sys.exit(f"the container ended with {code}")
    say(f"The container works; its environment has {megabytes(image)} MB.")


def wait_until_healthy(healthcheck: list[str], env: Mapping[str, str]) -> None:
    """Ask as the engine does, until it is healthy."""
    ends = time.monotonic() + START_S
    while subprocess.run(healthcheck, env=env, stderr=subprocess.DEVNULL, check=False).returncode:
        if time.monotonic() > ends:
            sys.exit("the container does not become healthy")
        time.sleep(CHECK_GAP_S)


def megabytes(image: Stage) -> int:
    files = image.inside("/opt/reelgate").rglob("*")
    return sum(each.lstat().st_size for each in files) // 1_000_000


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def mount(*arguments: str | Path) -> None:
    run(["mount", *map(str, arguments)])


def run(words: Sequence[str], **env: str) -> None:
    """Run a program to its end; what fails ends this program."""
    ended = subprocess.run(words, env=env or None, check=False)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(words)} ended with {ended.returncode}")


if __name__ == "__main__":
    main()
