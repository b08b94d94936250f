"""The webhooks' part of the audit finds each kind of broken promise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos import told
from chaos.receiver import Arrival
from chaos.rows import Row

VIDEO = Row("video_1", "a cat", "completed", webhook_url="http://127.0.0.1:1/own/1")
BEGUN = Arrival("/all", "msg_1", "video.in_progress", "video_1", is_genuine=True)
ENDED = Arrival("/all", "msg_2", "video.completed", "video_1", is_genuine=True)
OWN = replace(ENDED, path="/own/1", id="msg_3")
ALL = (BEGUN, ENDED, OWN)


def test_a_video_that_everybody_heard_of_breaks_no_promise() -> None:
    assert told.untold([VIDEO], ALL) == []
    assert told.misordered(ALL) == []
    assert told.invented({VIDEO.id: VIDEO}, ALL) == []
    assert told.forged(ALL) == []


@pytest.mark.parametrize("missing", [ENDED, OWN])
def test_an_end_that_one_of_its_endpoints_never_heard_of_is_untold(missing: Arrival) -> None:
    arrivals = [one for one in ALL if one is not missing]
    assert told.untold([VIDEO], arrivals) == [f"video_1: no video.completed at {missing.path}"]


def test_the_news_of_another_end_tell_nobody_of_this_one() -> None:
    assert told.untold([VIDEO], [replace(ENDED, event="video.failed"), OWN]) != []


def test_a_video_without_an_end_has_nothing_to_tell_yet() -> None:
    assert told.untold([replace(VIDEO, state="rendering")], []) == []


def test_an_end_that_arrives_before_its_beginning_is_misordered() -> None:
    (found,) = told.misordered([ENDED, BEGUN])
    assert found == "video_1 at /all: video.completed, video.in_progress"


def test_a_repetition_after_a_later_event_is_none() -> None:
    assert told.misordered([BEGUN, ENDED, BEGUN, ENDED]) == []


def test_one_event_under_two_ids_is_told_twice() -> None:
    assert told.misordered([ENDED, replace(ENDED, id="msg_9")]) != []


@pytest.mark.parametrize(
    "arrival",
    [
        replace(ENDED, video="video_9"),
        replace(ENDED, event="video.failed"),
        replace(ENDED, path="/own/2"),
    ],
    ids=["of-no-video", "of-another-end", "where-nobody-asked"],
)
def test_what_nothing_gave_reason_for_is_invented(arrival: Arrival) -> None:
    assert told.invented({VIDEO.id: VIDEO}, [arrival]) != []


def test_a_wrong_signature_is_forged() -> None:
    assert told.forged([ENDED, replace(BEGUN, is_genuine=False)]) == ["msg_1"]
