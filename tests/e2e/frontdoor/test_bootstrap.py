"""The first command on a fresh machine."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .checkout import ROOT, read, run


@pytest.fixture
def fresh_checkout(tmp_path: Path) -> Path:
    """A folder with nothing in it but the script, as its own checkout."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(ROOT / "scripts" / "bootstrap", scripts)
    return tmp_path


async def test_an_old_python_is_refused_in_words_that_help(fresh_checkout: Path) -> None:
    old = fresh_checkout / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    old.chmod(0o755)
    ended = await run("scripts/bootstrap", cwd=fresh_checkout, PYTHON=str(old))
    assert ended.code == 1
    assert "needs Python 3.11 or newer" in ended.err
    assert "make PYTHON=" in ended.err
    assert not fresh_checkout.joinpath(".venv").exists()


def test_the_container_installs_the_same_uv() -> None:
    [pinned] = re.findall(r"^UV_VERSION=(.+)$", read("scripts", "bootstrap"), re.MULTILINE)
    assert f"uv=={pinned}" in read("Dockerfile")
