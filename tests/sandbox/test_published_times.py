from __future__ import annotations

import pytest

from reelgate.sandbox.jobs import draw_ready_after_s, published_times_s


def test_published_times_come_out_exactly() -> None:
    assert published_times_s(5, 720) == (60, 90)
    assert published_times_s(6, 720) == (70, 100)
    assert published_times_s(12, 1080) == pytest.approx((120, 180))


def test_longer_and_larger_clips_never_take_less() -> None:
    sides = (360, 480, 540, 720, 1080, 1440, 2160)
    for side in sides:
        times = [published_times_s(seconds, side) for seconds in range(1, 16)]
        assert times == sorted(times)
    for seconds in range(1, 16):
        assert [published_times_s(seconds, s) for s in sides] == sorted(
            published_times_s(seconds, s) for s in sides
        )


def test_the_drawn_time_lies_in_the_published_range_over_the_speed() -> None:
    drawn = [draw_ready_after_s(12, 1080, speed=20, seed=0, key=f"{n}:a cat") for n in range(500)]
    assert 6 <= min(drawn) < 6.2
    assert 8.8 < max(drawn) <= 9
    assert drawn[0] == draw_ready_after_s(12, 1080, speed=20, seed=0, key="0:a cat")
    assert drawn[0] != draw_ready_after_s(12, 1080, speed=20, seed=1, key="0:a cat")
