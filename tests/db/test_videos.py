"""Every change of a video is a compare-and-set."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from reelgate.db.admission import Admission, AdmissionOptions, AdmissionResult
from reelgate.db.changes import Changes
from reelgate.db.database import Database
from reelgate.db.rows import read_json
from reelgate.db.video_page import Page
from reelgate.db.videos import IllegalMove, LostRace, Videos
from reelgate.domain.polls import Poll, Polls
from reelgate.domain.video import MOVES, OPEN_STATES, Caller, Failure, State, Timeline, Video

from .factories import FAILURE, FILE, FORECAST, NOW, a_full_video, a_video

TERMS = AdmissionOptions(now=NOW)
ADOPTING = AdmissionOptions(now=NOW, adopt_since=NOW - 60)


async def test_a_video_comes_back_as_it_was_written(admission: Admission, videos: Videos) -> None:
    for video in (a_full_video(), a_video()):
        await admission.admit(video, TERMS)
        assert await videos.find(video.id) == video


def test_the_full_video_leaves_no_field_at_its_default() -> None:
    """Or the test above would not notice a column that is missing."""
    full, empty = a_full_video(), a_video()
    assert [f.name for f in fields(Video) if getattr(full, f.name) == getattr(empty, f.name)] == [
        "provider"
    ]


async def test_what_does_not_exist_is_not_found(videos: Videos) -> None:
    assert await videos.find("video_none") is None
    assert await videos.claim("video_none") is None


async def test_a_move_changes_the_state_and_what_comes_with_it(
    admission: Admission, videos: Videos
) -> None:
    video = a_video(state=State.SUBMITTING, attempts=1)
    await admission.admit(video, TERMS)
    timeline = replace(video.timeline, submitted_at=NOW + 1)
    moved = await videos.move(
        video,
        State.RENDERING,
        provider_id="job",
        batch_id="",
        cost=None,
        forecast=FORECAST,
        timeline=timeline,
    )
    assert moved == await videos.find(video.id)
    expected = replace(
        video,
        state=State.RENDERING,
        provider_id="job",
        batch_id="",
        forecast=FORECAST,
        timeline=timeline,
    )
    assert moved == expected


async def test_polls_are_written_with_the_next_move_whoever_makes_it(
    admission: Admission, videos: Videos
) -> None:
    first, second = Poll(NOW + 1, "not_ready"), Poll(NOW + 2.5, "ready")
    video = a_video(state=State.RENDERING)
    await admission.admit(video, TERMS)
    videos.note_poll(video, first)
    assert await videos.find(video.id) == video
    # Such as who cancels it, and has read the row.
    videos.note_poll(video, second)
    moved = await videos.move(a_copy := replace(video), State.FETCHING)
    assert a_copy.polls is None
    assert moved.polls == Polls(2, (first, second))
    videos.forget_polls(video)
    # A later move leaves them, also one by who knows none of them.
    [listed] = await videos.page(Page("", 1, "desc"))
    assert listed == replace(moved, polls=None)
    done = await videos.move(listed, State.COMPLETED)
    assert (await videos.find(video.id)) == replace(done, polls=moved.polls)


async def test_polls_of_a_job_that_was_lost_to_another_are_forgotten(
    admission: Admission, videos: Videos
) -> None:
    video = a_video(state=State.RENDERING)
    await admission.admit(video, TERMS)
    videos.note_poll(video, Poll(NOW + 1, "not_ready"))
    videos.forget_polls(video)
    assert (await videos.move(video, State.FETCHING)).polls is None


async def test_only_legal_moves_are_made(admission: Admission, videos: Videos) -> None:
    for source, target in itertools.product(State, State):
        video = a_video(state=source)
        await admission.admit(video, TERMS)
        if target in MOVES[source]:
            assert (await videos.move(video, target)).state is target
            continue
        with pytest.raises(IllegalMove):
            await videos.move(video, target)
        assert await videos.find(video.id) == video


async def test_of_many_movers_at_once_one_wins(admission: Admission, videos: Videos) -> None:
    video = a_video(state=State.FETCHING)
    await admission.admit(video, TERMS)
    results = await asyncio.gather(
        *(videos.move(video, State.COMPLETED, file=FILE) for _ in range(10)),
        *(videos.move(video, State.FAILED, failure=FAILURE) for _ in range(10)),
        return_exceptions=True,
    )
    [winner] = [result for result in results if isinstance(result, Video)]
    assert sum(isinstance(result, LostRace) for result in results) == 19
    assert await videos.find(video.id) == winner


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_who_takes_over_wins_against_who_carried_before(
    admission: Admission, videos: Videos
) -> None:
    video = a_video(state=State.RENDERING)
    await admission.admit(video, TERMS)
    before = await videos.claim(video.id)
    after = await videos.claim(video.id)
    assert before is not None
    assert after is not None
    assert after.epoch > before.epoch
    with pytest.raises(LostRace):
        await videos.move(before, State.FETCHING)
    assert (await videos.move(after, State.FETCHING)).state is State.FETCHING


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_alone_with_its_file_a_process_carries_a_video_on_as_it_finds_it(
    admission: Admission, videos: Videos
) -> None:
    video = a_video(state=State.RENDERING)
    await admission.admit(video, TERMS)
    assert await videos.claim(video.id) == video
    assert await videos.find(video.id) == video


async def test_a_submit_under_way_is_not_taken_from_who_began_it(
    admission: Admission, videos: Videos
) -> None:
    queued = a_video()
    await admission.admit(queued, TERMS)
    mine = await videos.claim(queued.id)
    assert mine is not None
    submitting = await videos.move(mine, State.SUBMITTING, attempts=1)
    assert await videos.claim(queued.id) == submitting
    assert (await videos.move(submitting, State.RENDERING)).state is State.RENDERING


async def test_an_outcome_of_an_earlier_attempt_moves_nothing(
    admission: Admission, videos: Videos
) -> None:
    first = a_video(state=State.SUBMITTING, attempts=1)
    await admission.admit(first, TERMS)
    queued = await videos.move(first, State.QUEUED)
    await videos.move(queued, State.SUBMITTING, attempts=2)
    with pytest.raises(LostRace):
        await videos.move(first, State.RENDERING, provider_id="late")


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
async def test_what_is_over_cannot_be_claimed(
    admission: Admission, videos: Videos, state: State
) -> None:
    video = a_video(state=state)
    await admission.admit(video, TERMS)
    assert await videos.claim(video.id) is None


async def test_a_restart_finds_what_is_unfinished_oldest_first(
    admission: Admission, videos: Videos
) -> None:
    everything = [a_video(state=state) for state in State] + [a_video(provider="another")]
    for video in reversed(everything):
        await admission.admit(video, TERMS)
    expected = sorted(
        v.id for v in everything if v.state in OPEN_STATES and v.provider == "imagine"
    )
    assert await videos.unfinished(["imagine"]) == expected
    assert await videos.count_open() == len(OPEN_STATES) + 1


async def test_a_hand_over_happens_once(admission: Admission, videos: Videos) -> None:
    video = a_video(caller=Caller.WAITING)
    await admission.admit(video, TERMS)
    results = await asyncio.gather(
        *(videos.transfer(video.id, Caller.WAITING, Caller.GONE) for _ in range(5))
    )
    assert results.count(True) == 1
    assert not await videos.transfer(video.id, Caller.WAITING, Caller.ANSWERED)


async def test_of_twenty_that_adopt_at_once_exactly_one_does(
    admission: Admission, videos: Videos
) -> None:
    orphan = a_video("cat", caller=Caller.GONE)
    await admission.admit(orphan, TERMS)
    results = await asyncio.gather(
        *(admission.admit(a_video("cat", caller=Caller.WAITING), ADOPTING) for _ in range(20))
    )
    assert [origin for _, origin in results].count(AdmissionResult.ADOPTED) == 1
    assert [origin for _, origin in results].count(AdmissionResult.NEW) == 19
    assert len({video.id for video, _ in results}) == 20
    adopted = await videos.find(orphan.id)
    assert adopted is not None
    assert adopted.caller is Caller.WAITING


ADOPTED: Mapping[str, Mapping[str, Any]] = {
    "running": {},
    "completed": {"state": State.COMPLETED},
    "unknown": {"state": State.FAILED, "failure": Failure("submission_unknown", "nobody knows")},
}
LEFT_ALONE: Mapping[str, Mapping[str, Any]] = {
    "cost nothing": {"state": State.FAILED, "failure": Failure("insufficient_credits", "none")},
    "still waited for": {"caller": Caller.WAITING},
    "answered": {"caller": Caller.ANSWERED},
    "never waited for": {"caller": Caller.NONE},
    "another owner's": {"owner": "key_2"},
    "too old": {"timeline": Timeline(created_at=NOW - 61)},
}


async def test_only_an_abandoned_job_is_adopted(admission: Admission) -> None:
    for name, fields_of in {**ADOPTED, **LEFT_ALONE}.items():
        orphan = a_video(name, **{"caller": Caller.GONE, **fields_of})
        await admission.admit(orphan, TERMS)
        same = a_video(name, caller=Caller.WAITING)
        found, how = await admission.admit(same, ADOPTING)
        expected = (
            (orphan.id, AdmissionResult.ADOPTED)
            if name in ADOPTED
            else (same.id, AdmissionResult.NEW)
        )
        assert (found.id, how) == expected, name


async def test_the_oldest_orphan_is_adopted_first(admission: Admission) -> None:
    orphans = [a_video("cat", caller=Caller.GONE) for _ in range(3)]
    for orphan in orphans:
        await admission.admit(orphan, TERMS)
    adopted = [(await admission.admit(a_video("cat"), ADOPTING))[0].id for _ in range(3)]
    assert adopted == [orphan.id for orphan in orphans]


async def test_a_change_is_told_to_those_who_follow_once_it_is_durable(
    admission: Admission, videos: Videos, changes: Changes
) -> None:
    video = a_video(state=State.RENDERING)
    await admission.admit(video, TERMS)
    with changes.subscribe(video.id) as follower, changes.subscribe("video_other") as other:
        moved = await videos.move(video, State.FETCHING)
        assert await follower.next() == moved
        assert await other.next_within(0) is None


async def test_a_move_that_lost_tells_nobody(
    admission: Admission, videos: Videos, changes: Changes
) -> None:
    video = a_video(state=State.RENDERING)
    await admission.admit(video, TERMS)
    with changes.subscribe(video.id) as follower:
        with pytest.raises(LostRace):
            await videos.move(replace(video, epoch=7), State.FETCHING)
        assert await follower.next_within(0) is None


async def test_a_video_of_a_full_row_survives_its_moves(
    admission: Admission, videos: Videos, database: Database
) -> None:
    """A move writes the whole row, so a field it forgets would be lost."""
    full = replace(a_full_video(), state=State.FETCHING)
    await admission.admit(full, TERMS)
    moved = await videos.move(full, State.COMPLETED)
    assert moved == replace(full, state=State.COMPLETED)
    assert await Videos(database, Changes()).find(full.id) == moved


def test_half_a_surrogate_pair_in_a_column_is_read() -> None:
    """Older rows may hold one: an upstream's words."""
    assert read_json('{"message": "\\ud83d"}') == {"message": "\ud83d"}
