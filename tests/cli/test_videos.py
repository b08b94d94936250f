from __future__ import annotations

from pathlib import Path

from reelgate.cli.exits import ExitCode

from .conftest import Served, video_of
from .movie import read_movie
from .program import Result


def test_a_finished_video_is_listed_shown_and_fetched_again(
    made: tuple[Result, Path], served: Served
) -> None:
    video_id = video_of(served, made)
    row = next(
        line
        for line in served.home.run("videos", "list").out.splitlines()
        if line.startswith(video_id)
    )
    assert row.split("\t")[1:3] == ["completed", "100"]
    # Without keys everybody's are all there are, and a key's name is not its id.
    assert row in served.home.run("videos", "list", "--key", "all", "--limit", "100").out
    named = served.home.run("videos", "list", "--key", "alice")
    assert (named.code, "use `all`" in named.err) == (ExitCode.USAGE, True)
    shown = served.home.run("videos", "show", video_id)
    assert "completed, 100 %" in shown.out
    path = served.home.run("videos", "download", video_id).out.strip()
    assert path != made[1].name
    assert read_movie(served.home.folder / path).size == (1280, 720)


def test_a_broken_download_goes_on_where_it_stopped(
    made: tuple[Result, Path], served: Served
) -> None:
    path = made[1]
    whole = path.read_bytes()
    video_id = video_of(served, made)
    target = served.home.folder / "resumed.mp4"
    part = target.with_name(f"resumed.mp4.{video_id}.part")
    # Marked, so that the file shows whether these bytes were fetched again.
    part.write_bytes(b"MARK" + whole[4:100_000])
    saved = served.home.run("videos", "download", video_id, "-o", "resumed.mp4", "--json")
    assert saved.json["file"]["size_bytes"] == len(whole)
    assert target.read_bytes() == b"MARK" + whole[4:]
    assert not part.exists()


def test_a_running_video_is_cancelled_and_deleted(served: Served) -> None:
    started = served.home.run("generate", "A cow [[never]]", "--timeout", "0.1", "--json")
    video_id = started.json["id"]
    early = served.home.run("videos", "download", video_id)
    assert early.code == ExitCode.FAILED
    assert f"reelgate videos wait {video_id}" in early.err
    assert "is cancelled" in served.home.run("videos", "cancel", video_id).out
    waited = served.home.run("videos", "wait", video_id)
    assert waited.code == ExitCode.FAILED
    assert "cancelled" in waited.err
    assert "is deleted" in served.home.run("videos", "delete", video_id).out
    gone = served.home.run("videos", "show", video_id)
    assert gone.code == ExitCode.USAGE
    assert "videos list" in gone.err


def test_a_lost_submit_is_found_by_command_and_its_charge_is_shown(served: Served) -> None:
    lost = served.home.run("generate", "A hen [[500]]", "--json")
    assert lost.json["error"]["code"] == "submission_unknown"
    video_id = lost.json["id"]
    assert (
        "unknown (its submit may have been accepted)"
        in served.home.run("videos", "show", video_id).out
    )
    every = served.home.run("videos", "reconcile", "--json").json["data"]
    assert video_id in [each["id"] for each in every]
    one = served.home.run("videos", "reconcile", video_id)
    assert one.out.startswith(f"{video_id}\tsubmission_unknown")


def test_a_video_is_priced_before_it_is_paid_and_told_of_afterwards(
    made: tuple[Result, Path], served: Served
) -> None:
    """What would be asked for, without asking; and what has been, as a table, CSV and JSON."""
    assert made[0].code == ExitCode.OK
    usage = served.home.run("usage", "--by", "model", "--json").json
    jobs = usage["total"]["jobs"]
    assert jobs >= 1
    dry = served.home.run("generate", "A cow", "--duration", "5", "--dry-run", "--json").json
    assert (dry["model"], dry["refusal"]) == ("imagine-text-to-video", None)
    told = served.home.run("generate", "A cow", "--duration", "5", "--dry-run")
    assert [line.split()[0] for line in told.out.splitlines()[1:]] == ["cost", "time", "sent"]
    assert served.home.run("generate", "A cow", "--duration", "7", "--dry-run").code == 2
    table = served.home.run("usage", "--by", "model").out.splitlines()
    assert table[0].split()[:3] == ["model", "jobs", "completed"]
    assert table[-1].split()[:2] == ["total", str(jobs)]
    rows = served.home.run("usage", "--by", "model", "--csv").out.splitlines()
    assert rows[0] == "model,jobs,completed,failed,credits,usd,unpriced"
    assert served.home.run("usage", "--by", "week").code == 2
