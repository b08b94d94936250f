"""The files that deployments start from name what there is."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from reelgate.cli.config import known_variables
from reelgate.http import health
from reelgate.runtime.shutdown import SUBMIT_S
from reelgate.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "reelgate.service"
MANIFEST = DEPLOY / "kubernetes" / "reelgate.yaml"
FILES = (
    UNIT,
    MANIFEST,
    MANIFEST.with_name("secret.example.yaml"),
    DEPLOY / "railway.json",
    DEPLOY / "fly.toml",
    ROOT / "compose.yaml",
    ROOT / "Dockerfile",
)
USED_UNIT = (
    ("/opt/reelgate/.venv/bin/reelgate", f"{Path(sys.executable).parent}/reelgate"),
    ("/opt/reelgate", str(ROOT)),
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_names_only_settings_that_there_are(file: Path) -> None:
    named = set(re.findall(r"\bREELGATE_[A-Z_]+\b", file.read_text(encoding="utf-8")))
    assert named - known_variables() == set()


def test_every_probe_asks_where_a_gateway_answers() -> None:
    railway = json.loads((DEPLOY / "railway.json").read_text(encoding="utf-8"))
    fly = tomllib.loads((DEPLOY / "fly.toml").read_text(encoding="utf-8"))
    manifest = MANIFEST.read_text(encoding="utf-8")
    asked = {railway["deploy"]["healthcheckPath"]}
    asked |= {check["path"] for check in fly["http_service"]["checks"]}
    asked |= set(re.findall(r"^ +path: (\S+)$", manifest, re.MULTILINE))
    assert asked == {route.path for route in health.router.routes if isinstance(route, APIRoute)}


def test_every_file_leaves_the_time_that_a_stop_may_take() -> None:
    needed = Settings.model_fields["shutdown_grace_s"].default + SUBMIT_S
    told = {
        UNIT: r"^TimeoutStopSec=(\d+)$",
        MANIFEST: r"terminationGracePeriodSeconds: (\d+)",
        DEPLOY / "railway.json": r'"drainingSeconds": (\d+)',
        DEPLOY / "fly.toml": r'kill_timeout = "(\d+)s"',
        ROOT / "compose.yaml": r"stop_grace_period: (\d+)s",
    }
    for file, pattern in told.items():
        [seconds] = re.findall(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
        assert int(seconds) >= needed, file


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
async def test_systemd_takes_the_unit_and_finds_it_confined(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8")
    for there, here in USED_UNIT:
        text = text.replace(there, here)
    unit = tmp_path / UNIT.name
    unit.write_text(text, encoding="utf-8")
    for command in (("verify",), ("security", "--offline=yes", "--threshold=20")):
        program = await create_subprocess_exec(
            "systemd-analyze", *command, str(unit), stdout=PIPE, stderr=STDOUT
        )
        said, _ = await program.communicate()
        assert program.returncode == 0, said.decode()
