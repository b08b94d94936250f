"""How a request becomes a job, by the clock and by whose request it is: at the database itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TypedDict, Unpack

import pytest

from reelgate.db.admission import (
    KEY_TTL_S,
    RETRY_WINDOW_S,
    Admission,
    AdmissionOptions,
    AdmissionResult,
)
from reelgate.db.changes import Changes
from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.db.rows import to_money
from reelgate.db.videos import Videos
from reelgate.domain.api_keys import Period
from reelgate.domain.price import Money, Unit
from reelgate.domain.quota import NO_QUOTA, Quota, SpendLimit
from reelgate.domain.video import (
    Caller,
    Failure,
    KeptFile,
    State,
    Timeline,
    Video,
    VideoRequest,
    first_id_of,
    new_video_id,
)
from reelgate.errors import IdempotencyMismatch, RateLimited

NOON = 1_800_000_000.0
FILE = KeptFile("a.mp4", 10, "0" * 64, "video/mp4")


class Options(TypedDict, total=False):
    """What a request says of itself."""

    idempotency_key: str
    retry: int
    max_age_s: float
    adopt_since: float


class AdmissionCase:
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
        quota: Quota = NO_QUOTA,
        **options: Unpack[Options],
    ) -> tuple[str, AdmissionResult]:
        """Ask for always the same video; its id, and where it comes from."""
        video, result = await self._admission.admit(
            a_video(now, owner, caller), AdmissionOptions(now, **options), quota
        )
        return video.id, result

    async def ask_for(
        self, video: Video, **options: Unpack[Options]
    ) -> tuple[str, AdmissionResult]:
        admitted, result = await self._admission.admit(
            video, AdmissionOptions(video.timeline.created_at, **options)
        )
        return admitted.id, result

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
        options={"style_id": 60503, "is_enhance": True},
    )
    return Video(
        # Of its time, as ids are.
        id=first_id_of(now)[:-20] + new_video_id()[-20:],
        owner=owner,
        request=request,
        provider="sandbox",
        timeline=Timeline(now),
        caller=caller,
    )


@pytest.fixture
async def admission(database_url: str) -> AsyncIterator[AdmissionCase]:
    database = open_database(database_url)
    await migrate(database)
    yield AdmissionCase(Admission(database), Videos(database, Changes()))
    await database.close()


async def test_a_key_stands_for_its_video_for_a_day(admission: AdmissionCase) -> None:
    first, result = await admission.ask(idempotency_key="k")
    assert result is AdmissionResult.NEW
    assert await admission.ask(NOON + KEY_TTL_S, idempotency_key="k") == (
        first,
        AdmissionResult.REPLAYED,
    )
    later, result = await admission.ask(NOON + KEY_TTL_S + 1, idempotency_key="k")
    assert (later == first, result) == (False, AdmissionResult.NEW)
    assert await admission.ask(NOON + KEY_TTL_S + 2, idempotency_key="k") == (
        later,
        AdmissionResult.REPLAYED,
    )


async def test_a_key_that_had_its_day_may_stand_for_another_request(
    admission: AdmissionCase,
) -> None:
    await admission.ask(idempotency_key="k")
    other = replace(a_video(NOON + 1), metadata={"order": "1"})
    with pytest.raises(IdempotencyMismatch):
        await admission.ask_for(other, idempotency_key="k")
    later = replace(other, timeline=Timeline(NOON + KEY_TTL_S + 1))
    assert (await admission.ask_for(later, idempotency_key="k"))[1] is AdmissionResult.NEW


async def test_forgetting_keys_leaves_those_of_the_last_day(admission: AdmissionCase) -> None:
    old, _ = await admission.ask(NOON, idempotency_key="old")
    young, _ = await admission.ask(NOON + 10, idempotency_key="young")
    await admission.forget_keys(NOON + KEY_TTL_S + 5)
    again, result = await admission.ask(NOON + 11, idempotency_key="old")
    assert (again == old, result) == (False, AdmissionResult.NEW)
    assert await admission.ask(NOON + 11, idempotency_key="young") == (
        young,
        AdmissionResult.REPLAYED,
    )


async def test_each_owner_has_its_own_keys_retries_orphans_and_finished_videos(
    admission: AdmissionCase,
) -> None:
    mine, _ = await admission.ask(owner="key_a", idempotency_key="k", caller=Caller.WAITING)
    await admission.complete(mine, NOON)
    await admission.videos.transfer(mine, Caller.WAITING, Caller.GONE)
    strangers: dict[str, Options] = {
        "key_b": {"idempotency_key": "k"},
        "key_c": {"retry": 1},
        "key_d": {"adopt_since": 0.0},
        "key_e": {"max_age_s": 600.0},
    }
    for owner, options in strangers.items():
        other, result = await admission.ask(owner=owner, **options)
        assert (other == mine, result) == (False, AdmissionResult.NEW), options


async def test_a_retry_is_recognised_for_ten_minutes(admission: AdmissionCase) -> None:
    first, _ = await admission.ask(NOON)
    at_last = NOON + RETRY_WINDOW_S
    assert await admission.ask(at_last, retry=1) == (first, AdmissionResult.RETRIED)
    assert (await admission.ask(at_last + 1, retry=2))[1] is AdmissionResult.NEW


async def test_each_count_of_tries_finds_a_video_once(admission: AdmissionCase) -> None:
    made = [(await admission.ask())[0] for _ in range(3)]
    for retry in (1, 2):
        found = [(await admission.ask(retry=retry))[0] for _ in range(3)]
        assert sorted(found) == sorted(made)
    assert (await admission.ask(retry=2))[1] is AdmissionResult.NEW


async def test_a_retry_with_a_key_goes_by_its_key(admission: AdmissionCase) -> None:
    keyless, _ = await admission.ask()
    keyed, _ = await admission.ask(idempotency_key="k")
    assert await admission.ask(idempotency_key="k", retry=1) == (keyed, AdmissionResult.REPLAYED)
    assert await admission.ask(idempotency_key="new", retry=1) != (
        keyless,
        AdmissionResult.REPLAYED,
    )


async def test_a_key_follows_the_video_that_its_request_was_given(admission: AdmissionCase) -> None:
    """A request that is new under its key may be given a video that exists already."""
    first, _ = await admission.ask()
    assert await admission.ask(idempotency_key="k", retry=1) == (first, AdmissionResult.RETRIED)
    assert await admission.ask(idempotency_key="k") == (first, AdmissionResult.REPLAYED)


async def test_a_finished_video_is_taken_up_to_its_age(admission: AdmissionCase) -> None:
    video, _ = await admission.ask(NOON)
    await admission.complete(video, NOON + 100)
    assert await admission.ask(NOON + 160, max_age_s=60.0) == (video, AdmissionResult.CACHED)
    assert (await admission.ask(NOON + 161, max_age_s=60.0))[1] is AdmissionResult.NEW


async def test_a_video_whose_file_expired_is_not_taken(admission: AdmissionCase) -> None:
    video, _ = await admission.ask(NOON)
    await admission.complete(video, NOON, expires_at=NOON + 50)
    assert await admission.ask(NOON + 49, max_age_s=600.0) == (video, AdmissionResult.CACHED)
    assert (await admission.ask(NOON + 50, max_age_s=600.0))[1] is AdmissionResult.NEW


async def test_a_video_whose_file_was_dropped_is_not_taken(admission: AdmissionCase) -> None:
    video, _ = await admission.ask(NOON)
    await admission.complete(video, NOON)
    await admission.videos.drop_file(video, NOON + 10)
    assert (await admission.ask(NOON + 11, max_age_s=600.0))[1] is AdmissionResult.NEW


async def test_the_newest_finished_video_is_taken(admission: AdmissionCase) -> None:
    older, _ = await admission.ask(NOON)
    newer, _ = await admission.ask(NOON + 1)
    await admission.complete(newer, NOON + 2)
    await admission.complete(older, NOON + 3)
    assert await admission.ask(NOON + 4, max_age_s=600.0) == (newer, AdmissionResult.CACHED)


async def test_an_abandoned_job_is_adopted_from_the_given_time_on(admission: AdmissionCase) -> None:
    left, _ = await admission.ask(NOON, caller=Caller.WAITING)
    await admission.videos.transfer(left, Caller.WAITING, Caller.GONE)
    late, result = await admission.ask(NOON + 5, adopt_since=NOON + 1, caller=Caller.WAITING)
    assert (late == left, result) == (False, AdmissionResult.NEW)
    assert await admission.ask(NOON + 5, adopt_since=NOON, caller=Caller.WAITING) == (
        left,
        AdmissionResult.ADOPTED,
    )
    assert (await admission.ask(NOON + 5, adopt_since=NOON))[1] is AdmissionResult.NEW


async def test_a_job_that_is_only_asked_for_by_its_key_stays_up_for_adoption(
    admission: AdmissionCase,
) -> None:
    """Whoever has its id does not wait for it: a blocking caller may still take it over."""
    left, _ = await admission.ask(caller=Caller.WAITING, idempotency_key="k")
    await admission.videos.transfer(left, Caller.WAITING, Caller.GONE)
    assert await admission.ask(idempotency_key="k") == (left, AdmissionResult.REPLAYED)
    assert await admission.ask(adopt_since=0.0, caller=Caller.WAITING) == (
        left,
        AdmissionResult.ADOPTED,
    )


def credits_a_day(amount: int) -> Quota:
    day = Period.DAY
    limit = SpendLimit(Money(amount, Unit.CREDITS), day, day.since(NOON), day.until(NOON))
    return Quota(limits=(limit,))


async def test_what_may_have_been_paid_counts_as_the_dearest_of_its_model(
    admission: AdmissionCase,
) -> None:
    """Told 7, told 9, accepted without a price, lost, refused: 7 + 9 + 9 + 9 + 0."""
    for cost, provider_id, failure in (
        (7, "a", None),
        (9, "b", None),
        (None, "c", None),
        (None, None, Failure("submission_unknown", "nobody knows")),
        (None, None, Failure("insufficient_credits", "none left")),
    ):
        video_id, _ = await admission.ask(NOON, owner="key")
        video = await admission.videos.find(video_id)
        assert video is not None
        sent = await admission.videos.move(video, State.SUBMITTING, attempts=1, marker="m")
        if failure is None:
            await admission.videos.move(
                sent, State.RENDERING, provider_id=provider_id or "", cost=to_money(cost, None)
            )
        else:
            marker = "" if failure.code == "insufficient_credits" else "m"
            await admission.videos.move(sent, State.FAILED, failure=failure, marker=marker)
    with pytest.raises(RateLimited, match="34 credits"):
        await admission.ask(NOON, owner="key", quota=credits_a_day(34))
    await admission.ask(NOON, owner="key", quota=credits_a_day(35))
