"""Who may submit next on one upstream account."""

from __future__ import annotations

import asyncio

import uvloop
from hypothesis import given
from hypothesis import strategies as st

from reelgate.limits.account import NoPermit
from reelgate.limits.submits import SubmitLimiter, SubmitPermit

LONG_S = 60.0


async def settle() -> None:
    """Let every task that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


class Queue:
    """Jobs in the queue of a limiter, and the order in which they got in."""

    def __init__(self, limiter: SubmitLimiter) -> None:
        self.limiter = limiter
        self.inside: list[str] = []
        self.permits: dict[str, SubmitPermit] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def join(self, owner: str, job: str) -> None:
        self.permits[job] = SubmitPermit(self.limiter, owner)
        self.wait(job)
        await settle()

    def wait(self, job: str) -> None:
        async def take() -> None:
            await self.permits[job].take()
            self.inside.append(job)

        self.tasks[job] = asyncio.create_task(take())

    async def turn_away(self, job: str, retry_s: float) -> None:
        """The account has no room for a job that was let in, which joins the line again."""
        self.inside.remove(job)
        self.permits[job].turned_away(NoPermit(retry_s), jitter=1.0)
        self.wait(job)
        await settle()

    async def leave(self, job: str) -> None:
        self.permits[job].settled(accepted=True)
        self.permits[job].give_back()
        await settle()

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def test_one_owners_thousand_jobs_do_not_starve_anothers_one() -> None:
    queue = Queue(SubmitLimiter(1))
    for number in range(1000):
        await queue.join("greedy", f"greedy {number}")
    await queue.join("modest", "modest 0")
    await queue.leave("greedy 0")
    await queue.leave(queue.inside[-1])
    assert "modest 0" in queue.inside[:3]
    await queue.close()


async def test_nobody_gets_in_while_the_account_rests() -> None:
    limiter = SubmitLimiter()
    began = asyncio.get_running_loop().time()
    limiter.rest(0.2)
    await SubmitPermit(limiter, "a").take()
    assert asyncio.get_running_loop().time() - began >= 0.2


def test_a_rest_that_ends_between_two_milliseconds_keeps_nobody_waiting() -> None:
    """uvloop's timers count whole milliseconds, and so are early now and then."""

    async def rest() -> None:
        for thousandths in range(1000, 2000, 100):
            limiter = SubmitLimiter()
            limiter.rest(thousandths / 1_000_000)
            await asyncio.wait_for(SubmitPermit(limiter, "a").take(), LONG_S)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(rest())


async def test_after_a_rest_jobs_are_let_in_one_by_one_until_one_is_accepted() -> None:
    queue = Queue(SubmitLimiter())
    queue.limiter.rest(0.01)
    for number in range(10):
        await queue.join("a", str(number))
    await asyncio.wait_for(queue.tasks["0"], 5)
    await settle()
    assert queue.inside == ["0"]
    queue.permits["0"].settled(accepted=False)
    queue.permits["0"].give_back()
    await settle()
    assert queue.inside == ["0", "1"]
    queue.permits["1"].settled(accepted=True)
    await settle()
    assert len(queue.inside) == 10
    await queue.close()


async def test_only_so_many_submits_wait_for_their_answer_at_once() -> None:
    queue = Queue(SubmitLimiter(submits=2))
    for number in range(5):
        await queue.join("a", str(number))
    assert queue.inside == ["0", "1"]
    queue.permits["0"].settled(accepted=True)
    await settle()
    assert queue.inside == ["0", "1", "2"]
    await queue.close()


async def test_whoever_the_account_turned_away_is_the_first_to_ask_again() -> None:
    queue = Queue(SubmitLimiter(submits=3))
    for job in ("a1", "a2", "b1", "a3"):
        await queue.join(job[0], job)
    assert queue.inside == ["a1", "a2", "b1"]
    await queue.turn_away("a2", LONG_S)
    await queue.turn_away("b1", LONG_S)
    assert queue.inside == ["a1"]
    queue.permits["a1"].settled(accepted=True)
    await settle()
    assert queue.inside == ["a1", "b1"]
    queue.permits["b1"].admitted(1)
    await settle()
    assert queue.inside == ["a1", "b1", "a2"]
    await queue.close()


async def test_where_the_account_has_no_room_one_job_asks_every_now_and_then() -> None:
    queue = Queue(SubmitLimiter())
    await queue.join("a", "a1")
    await queue.turn_away("a1", 0.01)
    for job in ("a2", "a3"):
        await queue.join("a", job)
    assert queue.inside == []
    await asyncio.wait_for(queue.tasks["a1"], 5)
    await settle()
    assert queue.inside == ["a1"]
    queue.permits["a1"].admitted(2)
    await settle()
    assert queue.inside == ["a1", "a2", "a3"]
    await queue.close()


async def test_after_a_rest_that_another_process_was_told_one_tries_here_as_well() -> None:
    queue = Queue(SubmitLimiter())
    for job in ("a1", "a2"):
        await queue.join("a", job)
    for job in ("a1", "a2"):
        queue.inside.remove(job)
        queue.permits[job].turned_away(NoPermit(0.01, rests=True), jitter=1.0)
        queue.wait(job)
    await asyncio.wait_for(queue.tasks["a1"], 5)
    await settle()
    assert queue.inside == ["a1"]
    await queue.close()


async def test_a_job_that_gives_up_waiting_takes_no_place() -> None:
    queue = Queue(SubmitLimiter(1))
    for job in ("a", "b", "c"):
        await queue.join(job, job)
    queue.tasks["b"].cancel()
    await settle()
    await queue.leave("a")
    assert queue.inside == ["a", "c"]
    await queue.close()


async def test_a_job_cancelled_just_as_it_is_let_in_passes_its_place_on() -> None:
    queue = Queue(SubmitLimiter(1))
    for job in ("a", "b", "c"):
        await queue.join(job, job)
    queue.permits["a"].settled(accepted=True)
    queue.permits["a"].give_back()
    queue.tasks["b"].cancel()
    await settle()
    assert queue.inside == ["a", "c"]
    await queue.close()


def test_a_place_is_given_back_once() -> None:
    async def scenario() -> None:
        limiter = SubmitLimiter(1)
        first, second, third = (SubmitPermit(limiter, "a") for _ in range(3))
        assert first.try_take()
        first.settled(accepted=True)
        first.give_back()
        first.give_back()
        assert second.try_take()
        assert not third.try_take()

    asyncio.run(scenario())


@given(st.lists(st.sampled_from(["join", "leave", "cancel"]), max_size=40), st.integers(1, 4))
def test_never_more_are_inside_than_may_be_and_no_place_is_lost(
    steps: list[str], limit: int
) -> None:
    async def scenario() -> None:
        queue = Queue(SubmitLimiter(limit))
        left: set[str] = set()
        for number, step in enumerate(steps):
            inside = [job for job in queue.inside if job not in left]
            waiting = [job for job, task in queue.tasks.items() if not task.done()]
            if step == "join":
                await queue.join(f"owner {number % 3}", str(number))
            elif step == "leave" and inside:
                left.add(inside[0])
                await queue.leave(inside[0])
            elif step == "cancel" and waiting:
                queue.tasks[waiting[-1]].cancel()
                await settle()
            now_inside = len(queue.inside) - len(left)
            now_waiting = sum(not task.done() for task in queue.tasks.values())
            assert now_inside <= limit
            assert now_waiting == 0 or now_inside == limit
        await queue.close()

    asyncio.run(scenario())
