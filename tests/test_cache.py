"""The one cache: each value is loaded once, whoever asks and whoever goes away."""

from __future__ import annotations

import asyncio

import pytest

from reelgate.cache import Cache
from reelgate.clock import SystemClock
from reelgate.errors import UpstreamUnavailable

TTL_S = 100.0


class MovedClock(SystemClock):
    """A clock that is ahead by as much as the test says."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


class Source:
    """Counts loads; each waits until the test lets it go, and fails if the test says so."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.count = 0
        self.open = asyncio.Event()
        self.is_broken = False
        if is_open:
            self.open.set()

    async def load(self) -> int:
        self.count += 1
        number = self.count
        await self.open.wait()
        if self.is_broken:
            raise UpstreamUnavailable
        return number


async def test_who_asks_meanwhile_shares_the_load_and_outlives_the_first_to_ask() -> None:
    cache: Cache[str, int] = Cache(TTL_S, SystemClock())
    source = Source(is_open=False)
    first, other = (asyncio.create_task(cache.get("p", source.load)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    source.open.set()
    assert (await other, source.count) == (1, 1)


async def test_keys_are_loaded_apart() -> None:
    cache: Cache[str, int] = Cache(TTL_S, SystemClock())
    source = Source()
    assert [await cache.get(key, source.load) for key in "pqp"] == [1, 2, 1]


@pytest.mark.parametrize("serves_stale", [False, True])
async def test_a_load_that_failed_is_tried_again(serves_stale: bool) -> None:
    cache: Cache[str, int] = Cache(TTL_S, SystemClock(), serves_stale=serves_stale)
    source = Source()
    source.is_broken = True
    with pytest.raises(UpstreamUnavailable):
        await cache.get("p", source.load)
    source.is_broken = False
    assert await cache.get("p", source.load) == 2


async def test_a_value_is_used_for_its_time_and_no_longer() -> None:
    clock, source = MovedClock(), Source()
    cache: Cache[str, int] = Cache(TTL_S, clock)
    for ahead_s, value in ((0.0, 1), (TTL_S - 10, 1), (TTL_S + 1, 2)):
        clock.ahead_s = ahead_s
        assert await cache.get("p", source.load) == value
        assert cache.latest("p") == value


async def test_it_does_not_remember_without_end() -> None:
    cache: Cache[str, int] = Cache(TTL_S, SystemClock(), max_size=10)
    source = Source()
    for number in range(11):
        await cache.get(str(number), source.load)
    await cache.get("10", source.load)
    assert source.count == 11
    await cache.get("0", source.load)
    assert source.count == 12


async def test_where_stale_values_serve_one_loads_and_the_others_do_not_wait() -> None:
    clock, source = MovedClock(), Source()
    cache: Cache[str, int] = Cache(TTL_S, clock, serves_stale=True)
    assert await cache.get("p", source.load) == 1
    source.open.clear()
    clock.ahead_s = TTL_S + 1
    asking = asyncio.create_task(cache.get("p", source.load))
    await asyncio.sleep(0)
    for ahead_s in (TTL_S + 1, 3 * TTL_S):
        clock.ahead_s = ahead_s
        assert await cache.get("p", source.load) == 1
    source.open.set()
    assert (await asking, source.count) == (2, 2)


async def test_a_stale_value_serves_on_for_a_while_when_it_cannot_be_loaded_anew() -> None:
    clock, source = MovedClock(), Source()
    cache: Cache[str, int] = Cache(TTL_S, clock, serves_stale=True)
    await cache.get("p", source.load)
    source.is_broken, clock.ahead_s = True, TTL_S + 1
    with pytest.raises(UpstreamUnavailable):
        await cache.get("p", source.load)
    assert (await cache.get("p", source.load), source.count) == (1, 2)


async def test_a_load_that_takes_too_long_goes_on_and_later_askers_do_not_wait_again() -> None:
    clock, source = MovedClock(), Source(is_open=False)
    cache: Cache[str, int] = Cache(TTL_S, clock)
    for ahead_s, timeout_s in ((0.0, 0.001), (TTL_S, TTL_S)):
        clock.ahead_s = ahead_s
        with pytest.raises(TimeoutError):
            await cache.get("p", source.load, timeout_s=timeout_s)
    source.open.set()
    assert (await cache.get("p", source.load), source.count) == (1, 1)


async def test_closing_ends_the_loads_under_way() -> None:
    cache: Cache[str, int] = Cache(TTL_S, SystemClock())
    asking = asyncio.create_task(cache.get("p", Source(is_open=False).load))
    await asyncio.sleep(0)
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
