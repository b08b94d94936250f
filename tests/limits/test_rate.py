"""How many requests an API key may make: a minute's worth at once, and then evenly."""

from __future__ import annotations

import pytest

from reelgate.clock import SystemClock
from reelgate.limits.rate import LocalRates, RequestLimit


class SetClock(SystemClock):
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def monotonic(self) -> float:
        return self.at_s


@pytest.mark.parametrize("rpm", [1, 2, 7, 60, 1001])
async def test_a_minutes_worth_passes_at_once_and_the_next_when_it_is_told(rpm: int) -> None:
    clock = SetClock()
    rates = LocalRates(clock)
    for start_s in (0.0, 1e6, 1e6 + 61):
        clock.at_s = start_s
        assert [(await rates.take("k", RequestLimit.of_key(rpm))).wait_s for _ in range(rpm)] == [
            0.0
        ] * rpm
        assert (await rates.take("k", RequestLimit.of_key(rpm))).wait_s == pytest.approx(
            60 / rpm, abs=1e-3
        )
        assert (await rates.take("other", RequestLimit.of_key(rpm))).wait_s == 0.0
    wait_s = 60 / rpm
    clock.at_s += wait_s / 2
    assert (await rates.take("k", RequestLimit.of_key(rpm))).wait_s == pytest.approx(
        wait_s / 2, abs=1e-3
    )
    clock.at_s += wait_s / 2 + 1e-3
    assert (await rates.take("k", RequestLimit.of_key(rpm))).wait_s == 0.0


async def test_what_is_refused_costs_nothing() -> None:
    clock = SetClock()
    rates = LocalRates(clock)
    await rates.take("k", RequestLimit.of_key(1))
    for _ in range(100):
        assert (await rates.take("k", RequestLimit.of_key(1))).wait_s > 0
    clock.at_s = 60.0
    assert (await rates.take("k", RequestLimit.of_key(1))).wait_s == 0.0


async def test_a_key_whose_rate_was_raised_waits_no_longer_than_that_asks_for() -> None:
    rates = LocalRates(SetClock())
    await rates.take("k", RequestLimit.of_key(1))
    assert (await rates.take("k", RequestLimit.of_key(1))).wait_s > 0
    assert (await rates.take("k", RequestLimit.of_key(60))).wait_s == pytest.approx(1.0)


@pytest.mark.parametrize("rpm", [1, 2, 7, 60, 1001])
async def test_what_is_left_is_what_passes_at_once_and_one_more_comes_when_it_is_told(
    rpm: int,
) -> None:
    clock = SetClock()
    rates, limit = LocalRates(clock), RequestLimit.of_key(rpm)
    for made in range(1, rpm + 1):
        rate = await rates.take("k", limit)
        assert (rate.left, rate.wait_s) == (rpm - made, 0.0)
        assert rate.more_in_s == pytest.approx(60 / rpm, abs=1e-3)
    clock.at_s += 0.25 * 60 / rpm
    refused = await rates.take("k", limit)
    assert (refused.left, refused.more_in_s) == (0, refused.wait_s)
    assert refused.wait_s == pytest.approx(0.75 * 60 / rpm, abs=1e-3)
    clock.at_s += refused.wait_s + 1e-3
    assert (await rates.take("k", limit)).left == 0
