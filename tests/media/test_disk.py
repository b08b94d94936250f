from __future__ import annotations

import asyncio
from threading import Event

import pytest

from reelgate.media.disk import run_in_thread, wait_until_done


async def test_a_caller_gets_what_the_thread_returns_or_raises() -> None:
    assert await run_in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(divmod, 7, 0)


async def test_a_cancelled_caller_leaves_only_when_its_thread_is_done() -> None:
    began, may_end = Event(), Event()

    def work() -> None:
        began.set()
        may_end.wait()

    caller = asyncio.create_task(run_in_thread(work))
    await asyncio.to_thread(began.wait)
    for _ in range(2):
        caller.cancel()
        await asyncio.wait([caller], timeout=0.01)
        assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_what_fails_after_the_caller_was_cancelled_troubles_nobody() -> None:
    began, may_end = Event(), Event()
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def work() -> None:
        began.set()
        may_end.wait()
        raise OSError

    caller = asyncio.create_task(run_in_thread(work))
    await asyncio.to_thread(began.wait)
    caller.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert told == []


async def test_what_does_not_end_is_not_waited_for_without_end() -> None:
    never = asyncio.get_running_loop().create_future()
    caller = asyncio.create_task(wait_until_done(never, timeout_s=0.01))
    await asyncio.wait([caller], timeout=0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not never.done()
