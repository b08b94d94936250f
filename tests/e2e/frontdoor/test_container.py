"""What the container does before the gateway starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .checkout import ROOT, read

ENTRYPOINT = ROOT / "scripts" / "docker-entrypoint"
USER_ID = 10001


def test_the_image_has_no_volume() -> None:
    """Railway's builder refuses one."""
    assert not re.search(r"^\s*VOLUME", read("Dockerfile"), re.MULTILINE | re.IGNORECASE)


def test_the_builder_is_sent_all_that_it_copies() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", read("Dockerfile"), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources
    assert sources <= {line[1:] for line in read(".dockerignore").splitlines() if line[:1] == "!"}


def test_the_image_and_its_entrypoint_name_one_user() -> None:
    assert f"--uid {USER_ID} reelgate" in read("Dockerfile")
    assert f"USER_ID={USER_ID}" in ENTRYPOINT.read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv")
def test_a_volume_mounted_for_root_is_given_to_the_gateway_s_user(tmp_path: Path) -> None:
    """Who is not root is left as it is."""
    data = tmp_path / "data"
    (data / "videos").mkdir(parents=True)
    (data / "videos" / "a.mp4").touch()
    ended = subprocess.run(
        ["sh", ENTRYPOINT, "sh", "-c", 'id -u; [ "$1" = "two words" ]', "x", "two words"],
        env={"PATH": os.environ["PATH"], "REELGATE_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    user = USER_ID if os.geteuid() == 0 else os.geteuid()
    assert ended.stdout == f"{user}\n"
    found = [data, *data.rglob("*")]
    assert {path.stat().st_uid for path in found} == {user}
