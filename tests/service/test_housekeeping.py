"""Which kept videos must go: by age, and by the space that all of them take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reelgate.service.housekeeping import KeptVideo, expired

videos = st.lists(
    st.builds(
        KeptVideo,
        video_id=st.uuids().map(str),
        size_bytes=st.integers(0, 100),
        kept_at=st.integers(0, 100).map(float),
    ),
    unique_by=lambda video: video.video_id,
    max_size=20,
)
limits = st.none() | st.integers(0, 400)
ages = st.none() | st.integers(0, 120).map(float)


@given(videos, ages, limits)
def test_what_stays_is_within_both_limits(
    held: list[KeptVideo], max_age_s: float | None, max_total_bytes: int | None
) -> None:
    gone = expired(held, 110, max_age_s=max_age_s, max_total_bytes=max_total_bytes)
    stays = set(held) - set(gone)
    assert max_age_s is None or all(110 - one.kept_at < max_age_s for one in stays)
    assert max_total_bytes is None or sum(one.size_bytes for one in stays) <= max_total_bytes


@given(videos, ages, limits)
def test_nothing_goes_without_need(
    held: list[KeptVideo], max_age_s: float | None, max_total_bytes: int | None
) -> None:
    gone = expired(held, 110, max_age_s=max_age_s, max_total_bytes=max_total_bytes)
    young = [one for one in gone if max_age_s is None or 110 - one.kept_at < max_age_s]
    if young:
        # With the newest of them back, the total would be too large.
        back = sum(one.size_bytes for one in set(held) - set(gone)) + young[-1].size_bytes
        assert max_total_bytes is not None
        assert back > max_total_bytes


@given(videos, ages, limits)
def test_the_oldest_go_first(
    held: list[KeptVideo], max_age_s: float | None, max_total_bytes: int | None
) -> None:
    gone = expired(held, 110, max_age_s=max_age_s, max_total_bytes=max_total_bytes)
    assert list(gone) == sorted(gone, key=lambda one: (one.kept_at, one.video_id))
    stays = set(held) - set(gone)
    assert all(one.kept_at <= other.kept_at for one in gone for other in stays)


def test_without_limits_everything_stays() -> None:
    assert expired([KeptVideo("a", 10**12, 0)], 10**12) == ()
