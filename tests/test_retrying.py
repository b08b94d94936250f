"""The one loop that tries something again."""

from __future__ import annotations

import pytest

from reelgate.db.postgres.database import PATIENCE_S, RECONNECT_PAUSES_S, reconnect_pause_s
from reelgate.retrying import Failed, retry


class Flaky:
    """Fails a number of times, and then works."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.tried = 0

    async def attempt(self) -> str:
        self.tried += 1
        if self.tried <= self.left:
            raise ConnectionResetError(self.tried)
        return "done"


async def test_it_attempts_until_it_succeeds() -> None:
    flaky = Flaky(3)
    seen: list[int] = []

    def decide(failed: Failed) -> float:
        seen.append(failed.failures)
        return 0.0

    assert await retry(flaky.attempt, decide) == "done"
    assert (flaky.tried, seen) == (4, [1, 2, 3])


async def test_the_last_error_is_raised_once_the_decision_is_to_give_up() -> None:
    flaky = Flaky(10)
    with pytest.raises(ConnectionResetError, match="2"):
        await retry(flaky.attempt, lambda failed: None if failed.failures == 2 else 0.0)
    assert flaky.tried == 2


async def test_the_decision_knows_how_long_it_has_been_tried() -> None:
    times = iter([100.0, 107.0, 130.0])
    waited: list[float] = []

    def decide(failed: Failed) -> float:
        waited.append(failed.waited_s)
        return 0.0

    await retry(Flaky(2).attempt, decide, clock=lambda: next(times))
    assert waited == [7.0, 30.0]


def test_postgres_is_asked_again_over_a_broken_connection_for_a_few_seconds() -> None:
    broken = ConnectionResetError()
    pauses = [reconnect_pause_s(Failed(broken, n, 0.0)) for n in range(1, 8)]
    assert pauses == [*RECONNECT_PAUSES_S, None]
    assert reconnect_pause_s(Failed(broken, 1, PATIENCE_S)) is None
    assert reconnect_pause_s(Failed(ValueError(), 1, 0.0)) is None
