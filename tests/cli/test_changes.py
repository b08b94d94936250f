"""`reelgate videos edit` and `extend`: a video of another one, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reelgate.cli.exits import ExitCode

from .conftest import Served, video_of
from .movie import read_movie
from .program import Result

EDITS = "hunyuan-video"
"""A model whose stand-in edits and extends videos, its own by their ids and others as files."""


def told(run: Result) -> dict[str, Any]:
    assert run.code == ExitCode.OK, run.err
    return run.json


def test_a_file_is_edited_and_what_comes_of_it_extended_by_its_id(
    made: tuple[Result, Path], served: Served
) -> None:
    run, folder = served.home.run, served.home.folder
    edited = told(run("videos", "edit", str(made[1]), "Blue", "--model", EDITS, "--json"))
    assert (edited["model"], edited["remixed_from_video_id"]) == (EDITS, None)
    assert read_movie(folder / "blue.mp4").seconds > 0
    video_id = edited["id"]
    wanted = ("It goes out", "--duration", "8", "-o", "8.mp4", "--json")
    longer = told(run("videos", "extend", video_id, *wanted))
    assert (longer["model"], longer["seconds"]) == (EDITS, "8")
    assert longer["remixed_from_video_id"] == video_id
    assert read_movie(folder / "8.mp4").seconds == 8.0


def test_what_cannot_be_changed_is_refused_with_what_can(
    made: tuple[Result, Path], served: Served
) -> None:
    run = served.home.run
    nothing = run("videos", "edit", "nothing.mp4", "Blue")
    assert nothing.code == ExitCode.USAGE
    assert "VIDEO 'nothing.mp4' is no video's id and no address" in nothing.err
    video_id = video_of(served, made)
    before = run("videos", "list", "--limit", "100").out.count("\n")
    refused = run("videos", "edit", video_id, "Blue")
    assert refused.code == ExitCode.USAGE
    assert "imagine-text-to-video edits no videos: use one of" in refused.err
    assert EDITS in refused.err
    short = run("videos", "extend", str(made[1]), "On", "--model", EDITS)
    assert "video needs duration beside it" in short.err
    private = run("videos", "edit", "http://127.0.0.1:9/a.mp4", "Blue", "--model", EDITS)
    assert (short.code, private.code) == (ExitCode.USAGE, ExitCode.USAGE)
    assert "private or reserved network" in private.err
    assert run("videos", "list", "--limit", "100").out.count("\n") == before
