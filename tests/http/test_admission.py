"""How a request becomes a job, by the clock and by whose request it is: at the database itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TypedDict, Unpack

import pytest

from reelgate.db.admission import (
    KEY_LIFE_S,
    RETRY_WINDOW_S,
    Admission,
    AdmissionOptions,
    AdmissionResult,
)
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.db.videos import Videos
from reelgate.domain.video import (
    Caller,
    KeptFile,
    State,
    Timeline,
    Video,
    VideoRequest,
    new_video_id,
)
from reelgate.errors import IdempotencyMismatch

NOON = 1_800_000_000.0
FILE = KeptFile("a.mp4", 10, "0" * 64, "video/mp4")


class TermsOf(TypedDict, total=False):
    """What a request says of itself."""

    idempotency_key: str
    retry: int
    max_age_s: float
    adopt_since: float


class Desk:
    """An admission, and the videos behind it, at times of the test's choice."""

    def __init__(self, admission: Admission, videos: Videos) -> None:
        self._admission = admission
        self.videos = videos

    async def ask(
        self,
        now: float = NOON,
        *,
        owner: str = "",
        caller: Caller = Caller.NONE,
        **terms: Unpack[TermsOf],
    ) -> tuple[str, AdmissionResult]:
        """Ask for always the same video; its id, and where it comes from."""
        video, origin = await self._admission.admit(
            a_video(now, owner, caller), AdmissionOptions(now, **terms)
        )
        return video.id, origin

    async def ask_for(self, video: Video, **terms: Unpack[TermsOf]) -> tuple[str, AdmissionResult]:
        admitted, origin = await self._admission.admit(
            video, AdmissionOptions(video.timeline.created_at, **terms)
        )
        return admitted.id, origin

    async def complete(self, video_id: str, at: float, expires_at: float | None = None) -> None:
        """Carry a video to its end."""
        video = await self.videos.find(video_id)
        assert video is not None
        for state in (State.SUBMITTING, State.RENDERING, State.FETCHING):
            video = await self.videos.move(video, state)
        timeline = replace(video.timeline, completed_at=at)
        await self.videos.move(
            video, State.COMPLETED, file=FILE, timeline=timeline, expires_at=expires_at
        )

    async def forget_keys(self, now: float) -> None:
        await self._admission.forget_keys(now)


def a_video(now: float, owner: str = "", caller: Caller = Caller.NONE) -> Video:
    request = VideoRequest(
        model="imagine-text-to-video",
        prompt="a cat",
        aspect_ratio="16:9",
        duration=5,
        resolution="720p",
        style_id=60503,
        is_enhance=True,
    )
    return Video(
        id=new_video_id(),
        owner=owner,
        request=request,
        provider="sandbox",
        timeline=Timeline(now),
        caller=caller,
    )


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    database = open_database(database_url)
    await migrate(database)
    yield Desk(Admission(database), Videos(database, Changes()))
    await database.close()


async def test_a_key_stands_for_its_video_for_a_day(desk: Desk) -> None:
    first, origin = await desk.ask(idempotency_key="k")
    assert origin is AdmissionResult.NEW
    assert await desk.ask(NOON + KEY_LIFE_S, idempotency_key="k") == (
        first,
        AdmissionResult.REPLAYED,
    )
    later, origin = await desk.ask(NOON + KEY_LIFE_S + 1, idempotency_key="k")
    assert (later == first, origin) == (False, AdmissionResult.NEW)
    assert await desk.ask(NOON + KEY_LIFE_S + 2, idempotency_key="k") == (
        later,
        AdmissionResult.REPLAYED,
    )


async def test_a_key_that_had_its_day_may_stand_for_another_request(desk: Desk) -> None:
    await desk.ask(idempotency_key="k")
    other = replace(a_video(NOON + 1), metadata={"order": "1"})
    with pytest.raises(IdempotencyMismatch):
        await desk.ask_for(other, idempotency_key="k")
    later = replace(other, timeline=Timeline(NOON + KEY_LIFE_S + 1))
    assert (await desk.ask_for(later, idempotency_key="k"))[1] is AdmissionResult.NEW


async def test_forgetting_keys_leaves_those_of_the_last_day(desk: Desk) -> None:
    old, _ = await desk.ask(NOON, idempotency_key="old")
    young, _ = await desk.ask(NOON + 10, idempotency_key="young")
    await desk.forget_keys(NOON + KEY_LIFE_S + 5)
    again, origin = await desk.ask(NOON + 11, idempotency_key="old")
    assert (again == old, origin) == (False, AdmissionResult.NEW)
    assert await desk.ask(NOON + 11, idempotency_key="young") == (young, AdmissionResult.REPLAYED)


async def test_each_owner_has_its_own_keys_retries_orphans_and_finished_videos(
    desk: Desk,
) -> None:
    mine, _ = await desk.ask(owner="key_a", idempotency_key="k", caller=Caller.WAITING)
    await desk.complete(mine, NOON)
    await desk.videos.transfer(mine, Caller.WAITING, Caller.GONE)
    strangers: dict[str, TermsOf] = {
        "key_b": {"idempotency_key": "k"},
        "key_c": {"retry": 1},
        "key_d": {"adopt_since": 0.0},
        "key_e": {"max_age_s": 600.0},
    }
    for owner, terms in strangers.items():
        other, origin = await desk.ask(owner=owner, **terms)
        assert (other == mine, origin) == (False, AdmissionResult.NEW), terms


async def test_a_retry_is_recognised_for_ten_minutes(desk: Desk) -> None:
    first, _ = await desk.ask(NOON)
    at_last = NOON + RETRY_WINDOW_S
    assert await desk.ask(at_last, retry=1) == (first, AdmissionResult.RETRIED)
    assert (await desk.ask(at_last + 1, retry=2))[1] is AdmissionResult.NEW


async def test_each_count_of_tries_finds_a_video_once(desk: Desk) -> None:
    made = [(await desk.ask())[0] for _ in range(3)]
    for retry in (1, 2):
        found = [(await desk.ask(retry=retry))[0] for _ in range(3)]
        assert sorted(found) == sorted(made)
    assert (await desk.ask(retry=2))[1] is AdmissionResult.NEW


async def test_a_retry_with_a_key_goes_by_its_key(desk: Desk) -> None:
    keyless, _ = await desk.ask()
    keyed, _ = await desk.ask(idempotency_key="k")
    assert await desk.ask(idempotency_key="k", retry=1) == (keyed, AdmissionResult.REPLAYED)
    assert await desk.ask(idempotency_key="new", retry=1) != (keyless, AdmissionResult.REPLAYED)


async def test_a_key_follows_the_video_that_its_request_was_given(desk: Desk) -> None:
    """A request that is new under its key may be given a video that exists already."""
    first, _ = await desk.ask()
    assert await desk.ask(idempotency_key="k", retry=1) == (first, AdmissionResult.RETRIED)
    assert await desk.ask(idempotency_key="k") == (first, AdmissionResult.REPLAYED)


async def test_a_finished_video_is_taken_up_to_its_age(desk: Desk) -> None:
    video, _ = await desk.ask(NOON)
    await desk.complete(video, NOON + 100)
    assert await desk.ask(NOON + 160, max_age_s=60.0) == (video, AdmissionResult.CACHED)
    assert (await desk.ask(NOON + 161, max_age_s=60.0))[1] is AdmissionResult.NEW


async def test_a_video_whose_file_expired_is_not_taken(desk: Desk) -> None:
    video, _ = await desk.ask(NOON)
    await desk.complete(video, NOON, expires_at=NOON + 50)
    assert await desk.ask(NOON + 49, max_age_s=600.0) == (video, AdmissionResult.CACHED)
    assert (await desk.ask(NOON + 50, max_age_s=600.0))[1] is AdmissionResult.NEW


async def test_a_video_whose_file_was_dropped_is_not_taken(desk: Desk) -> None:
    video, _ = await desk.ask(NOON)
    await desk.complete(video, NOON)
    await desk.videos.drop_file(video, NOON + 10)
    assert (await desk.ask(NOON + 11, max_age_s=600.0))[1] is AdmissionResult.NEW


async def test_the_newest_finished_video_is_taken(desk: Desk) -> None:
    older, _ = await desk.ask(NOON)
    newer, _ = await desk.ask(NOON + 1)
    await desk.complete(newer, NOON + 2)
    await desk.complete(older, NOON + 3)
    assert await desk.ask(NOON + 4, max_age_s=600.0) == (newer, AdmissionResult.CACHED)


async def test_an_abandoned_job_is_adopted_from_the_given_time_on(desk: Desk) -> None:
    left, _ = await desk.ask(NOON, caller=Caller.WAITING)
    await desk.videos.transfer(left, Caller.WAITING, Caller.GONE)
    late, origin = await desk.ask(NOON + 5, adopt_since=NOON + 1, caller=Caller.WAITING)
    assert (late == left, origin) == (False, AdmissionResult.NEW)
    assert await desk.ask(NOON + 5, adopt_since=NOON, caller=Caller.WAITING) == (
        left,
        AdmissionResult.ADOPTED,
    )
    assert (await desk.ask(NOON + 5, adopt_since=NOON))[1] is AdmissionResult.NEW


async def test_a_job_that_is_only_asked_for_by_its_key_stays_up_for_adoption(desk: Desk) -> None:
    """Whoever has its id does not wait for it: a blocking caller may still take it over."""
    left, _ = await desk.ask(caller=Caller.WAITING, idempotency_key="k")
    await desk.videos.transfer(left, Caller.WAITING, Caller.GONE)
    assert await desk.ask(idempotency_key="k") == (left, AdmissionResult.REPLAYED)
    assert await desk.ask(adopt_since=0.0, caller=Caller.WAITING) == (left, AdmissionResult.ADOPTED)
