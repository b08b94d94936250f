from __future__ import annotations

import structlog

from reelgate.providers.expiry import Expiry

HOUR_S = 3600.0
MINUTE_S = 60.0
END = 1_800_000_000.0


class SetClock:
    """A clock that the test sets."""

    wall_s = END

    def now(self) -> float:
        return self.wall_s

    def monotonic(self) -> float:
        return 0.0


def told_at(expiry: Expiry, clock: SetClock, *lefts_s: float) -> list[tuple[float, str]]:
    """What the log was told at each of these times before the end."""
    told = []
    for left_s in lefts_s:
        clock.wall_s = END - left_s
        with structlog.testing.capture_logs() as log:
            expiry.tell_log()
        told += [(left_s, line["event"]) for line in log]
    return told


def test_it_is_told_an_hour_before_ten_minutes_before_and_at_the_end_each_once() -> None:
    clock = SetClock()
    expiry = Expiry("imagine.art", END, "Renew it.", clock)
    assert told_at(
        expiry,
        clock,
        *(2 * HOUR_S, HOUR_S, 30 * MINUTE_S, 10 * MINUTE_S, MINUTE_S, 0.0, -MINUTE_S),
    ) == [
        (HOUR_S, "credential_expires"),
        (10 * MINUTE_S, "credential_expires"),
        (0.0, "credential_expired"),
    ]


def test_a_start_late_in_its_life_tells_it_once() -> None:
    clock = SetClock()
    expiry = Expiry("imagine.art", END, "Renew it.", clock)
    assert told_at(expiry, clock, 5 * MINUTE_S, 4 * MINUTE_S) == [
        (5 * MINUTE_S, "credential_expires")
    ]
    assert told_at(expiry, clock, -HOUR_S) == [(-HOUR_S, "credential_expired")]


def test_the_next_warning_is_waited_for() -> None:
    clock = SetClock()
    expiry = Expiry("imagine.art", END, "Renew it.", clock)
    clock.wall_s = END - 2 * HOUR_S
    assert expiry.next_s == HOUR_S
    assert told_at(expiry, clock, 0.0)
    assert expiry.next_s == float("inf")


def test_the_sentence_says_when_and_what_to_do() -> None:
    clock = SetClock()
    expiry = Expiry("imagine.art", END, "Renew it.", clock)
    clock.wall_s = END - 9 * MINUTE_S
    assert expiry.told() == (
        "The credential of imagine.art expires at 2027-01-15 08:00 UTC, in 9 min. Renew it."
    )
