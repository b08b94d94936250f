"""The list of videos as people see it: an id that is cut is of no use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reelgate.cli.client import RemoteVideo, read_video
from reelgate.cli.listing import table_of
from reelgate.domain.video import new_video_id

from .conftest import Served
from .program import Result, wait_until
from .test_terminal import Terminal

NOW = 1_700_000_000.0
DAY_S = 86_400


def a_video(prompt: str = "a cat", age_s: float = 5.0, code: str | None = None) -> RemoteVideo:
    return read_video(
        {
            "id": new_video_id(),
            "status": "failed" if code else "in_progress",
            "progress": 42,
            "created_at": int(NOW - age_s),
            "model": "imagine-text-to-video",
            "size": "1920x1080",
            "seconds": "12",
            "prompt": prompt,
            "error": {"code": code, "message": "no"} if code else None,
        }
    )


@given(
    width=st.integers(1, 250),
    videos=st.lists(
        st.builds(
            a_video,
            prompt=st.text(max_size=80),
            age_s=st.floats(-10, 1000 * DAY_S),
            code=st.sampled_from([None, "upstream_bad_response", "insufficient_credits"]),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_id_status_and_age_are_whole_at_any_width(width: int, videos: list[RemoteVideo]) -> None:
    heading, *lines = table_of(videos, width=width, now=NOW)
    assert heading.split()[:3] == ["id", "status", "age"]
    for line, video in zip(lines, videos, strict=True):
        assert line.startswith(f"{video.id}  {video.error_code or video.status} ")
        age = line.split()[2:4]
        assert age[0].isdigit()
        assert age[1] in {"s", "min", "h", "d"}
        assert cell_len(line) <= max(width, 80)


@pytest.mark.parametrize(
    ("age_s", "age"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (2 * DAY_S, "2 d")],
)
def test_an_age_is_told_in_one_unit(age_s: int, age: str) -> None:
    assert f"  {age}" in table_of([a_video(age_s=age_s)], width=80, now=NOW)[1]


def test_what_fits_is_shown_and_a_cut_prompt_says_so() -> None:
    video = a_video("a cat that eats hotdogs in a park and is never done with it")
    narrow, wide = (table_of([video], width=width, now=NOW) for width in (80, 200))
    assert narrow[0].split() == ["id", "status", "age", "%", "prompt"]
    assert narrow[1].endswith("…")
    assert wide[0].split() == ["id", "status", "age", "%", "model", "picture", "prompt"]
    assert wide[1].endswith("done with it")


def test_a_terminal_shows_the_whole_id(made: tuple[Result, Path], served: Served) -> None:
    page = served.home.run("videos", "list", "--json").json
    # Others of this gateway's videos may still be under way.
    done = next(video["id"] for video in page["data"] if video["status"] == "completed")
    terminal = Terminal(served.home, "videos", "list")
    wait_until(lambda: terminal.shows(done + r"\s+completed\s+\d+ (s|min)"))
    assert terminal.close() == 0
    assert made[0].code == 0
