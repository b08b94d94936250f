from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .program import Home, Result, stop


@dataclass(frozen=True)
class Served:
    """A `reelgate serve` at work in a home."""

    home: Home
    url: str
    process: subprocess.Popen[str]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = Home(tmp_path_factory.mktemp("served"))
    with home.start("serve", "--port", "0") as process:
        yield Served(home, home.address(process), process)
        if process.poll() is None:
            stop(process)


@pytest.fixture(scope="session")
def made(served: Served) -> tuple[Result, Path]:
    """A video that `generate` made with the gateway that holds its data folder."""
    made = served.home.run(
        *("generate", "A cat, eating hotdogs!", "--duration", "5", "--resolution", "720p")
    )
    return made, served.home.folder / "a-cat-eating-hotdogs.mp4"


def video_of(served: Served, made: tuple[Result, Path]) -> str:
    """The id of the video that was made for all tests."""
    page = served.home.run("videos", "list", "--status", "completed", "--json").json
    assert page["object"] == "list"
    return next(str(each["id"]) for each in page["data"] if each["id"] in made[0].err)
