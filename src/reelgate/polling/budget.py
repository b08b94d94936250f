"""One account's polls: a shared budget, and a token bucket that spaces them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reelgate.polling.distribution import Distribution
    from reelgate.polling.schedule import Pace

BURST_S = 1.0
"""The looks of so long may fall into one instant, after as long without any."""


@dataclass(slots=True)
class TokenBucket:
    """Tells each look how long to wait: the generic cell rate algorithm (ITU-T I.371).

    In any window of w seconds no more than `per_s * (w + BURST_S) + 1` looks pass.

    Attributes:
        free_at_s: when the looks let through so far are all paid for, on the caller's clock.
    """

    free_at_s: float = 0.0

    def wait_s(self, now_s: float, per_s: float) -> float:
        """Take the next turn; returns the seconds until it, 0 for at once."""
        turn_s = max(now_s, self.free_at_s - BURST_S)
        self.free_at_s = max(self.free_at_s, now_s) + 1 / per_s
        return turn_s - now_s

    def close(self, until_s: float) -> None:
        """Let nobody pass until then, and everybody one after the other from then on."""
        self.free_at_s = max(self.free_at_s, until_s + BURST_S)


BUDGET_SHARE = 0.9
"""The part of a budget that is planned for; the rest absorbs what falls together by chance."""
SLOWEST_ROUNDS = 1.2
"""The ceiling under a budget, in rounds: a round is the time to look at every waiting job once."""
LEAST_SHARE = 0.75
"""The part of a budget that is left for looks before the last one, however many jobs end."""


@dataclass(slots=True)
class SharedBudget:
    """The jobs that wait now.

    One price for all makes the best of a budget: a job is polled as often as its own hazard
    earns. It is set by how eager the jobs are on average over their lives, so that asking for one
    takes no longer when ten thousand wait; polls that fall together wait for the `TokenBucket`.

    Attributes:
        jobs: how many.
        attention: the sum of their laws' mean attention.
        endings_per_s: how many of them end in a second, on average.
    """

    jobs: int = 0
    attention: float = 0.0
    endings_per_s: float = 0.0

    def join(self, law: Distribution) -> None:
        """One more job of this law waits."""
        self.jobs += 1
        self.attention += law.mean_attention
        self.endings_per_s += 1 / law.mean_s

    def leave(self, law: Distribution) -> None:
        """One job that joined under this law waits no longer."""
        self.jobs -= 1
        self.attention -= law.mean_attention
        self.endings_per_s -= 1 / law.mean_s

    def slowed(self, pace: Pace, budget_per_s: float) -> Pace:
        """Slow a pace down until the looks of all, on average over their lives, keep to a budget.

        Raises:
            ValueError: the budget is not above 0.
        """
        if not budget_per_s > 0:
            raise ValueError("budget_per_s is above 0")
        # The look that finds a job ready comes half a step early or late: half a look more per job.
        finding_per_s = 0.5 * self.endings_per_s
        left_per_s = max(budget_per_s - finding_per_s, LEAST_SHARE * budget_per_s)
        planned_per_s = BUDGET_SHARE * left_per_s
        price_s = (self.attention / planned_per_s) ** 2
        # Of a new kind all that began together are polled together.
        most_jobs = budget_per_s * BURST_S if pace.is_new else math.inf
        if price_s <= pace.price_s and self.jobs <= most_jobs:
            return pace
        return replace(
            pace,
            price_s=max(pace.price_s, price_s, math.ulp(0.0)),
            ceiling_s=max(pace.ceiling_s, SLOWEST_ROUNDS * self.jobs / planned_per_s),
            is_new=False,
        )
