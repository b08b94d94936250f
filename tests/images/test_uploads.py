"""Each picture is uploaded once, whoever asks and whoever goes away."""

from __future__ import annotations

import asyncio

import pytest

from reelgate.clock import SystemClock
from reelgate.errors import UpstreamUnavailable
from reelgate.images.references import KNOWN_FOR_S, MAX_KNOWN, Uploads


class MovedClock(SystemClock):
    """A clock that is ahead by as much as the test says."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


class Upstream:
    """Counts uploads; each waits until the test lets it go."""

    def __init__(self) -> None:
        self.count = 0
        self.open = asyncio.Event()

    async def upload(self) -> str:
        self.count += 1
        await self.open.wait()
        return f"https://cdn.example/{self.count}"


async def test_who_asks_meanwhile_shares_the_upload_and_outlives_the_first_to_ask() -> None:
    uploads, upstream = Uploads(SystemClock()), Upstream()
    first, other = (asyncio.create_task(uploads.address_of("p", upstream.upload)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    upstream.open.set()
    assert await other == "https://cdn.example/1"
    assert upstream.count == 1


async def test_a_failed_upload_is_tried_anew() -> None:
    uploads, upstream = Uploads(SystemClock()), Upstream()
    upstream.open.set()

    async def broken() -> str:
        raise UpstreamUnavailable

    with pytest.raises(UpstreamUnavailable):
        await uploads.address_of("p", broken)
    assert await uploads.address_of("p", upstream.upload) == "https://cdn.example/1"


async def test_an_address_is_used_again_for_an_hour_and_no_longer() -> None:
    clock, upstream = MovedClock(), Upstream()
    uploads = Uploads(clock)
    upstream.open.set()
    for ahead_s, address in ((0.0, 1), (KNOWN_FOR_S - 60, 1), (KNOWN_FOR_S + 1, 2)):
        clock.ahead_s = ahead_s
        told = await uploads.address_of("p", upstream.upload)
        assert told == f"https://cdn.example/{address}"


async def test_it_does_not_remember_without_end() -> None:
    uploads, upstream = Uploads(SystemClock()), Upstream()
    upstream.open.set()
    for number in range(MAX_KNOWN + 1):
        await uploads.address_of(str(number), upstream.upload)
    await uploads.address_of(str(MAX_KNOWN), upstream.upload)
    assert upstream.count == MAX_KNOWN + 1
    await uploads.address_of("0", upstream.upload)
    assert upstream.count == MAX_KNOWN + 2


async def test_a_stop_ends_what_is_under_way() -> None:
    uploads, upstream = Uploads(SystemClock()), Upstream()
    asking = asyncio.create_task(uploads.address_of("p", upstream.upload))
    await asyncio.sleep(0)
    await uploads.stop()
    with pytest.raises(asyncio.CancelledError):
        await asking
