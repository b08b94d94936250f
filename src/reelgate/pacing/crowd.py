"""All the waiting jobs of one account, kept as sums: what they ask for costs nothing to know."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelgate.pacing.gate import BURST_S

if TYPE_CHECKING:
    from reelgate.pacing.law import Law
    from reelgate.pacing.pace import Pace

BUDGET_SHARE = 0.9
"""The part of a budget that is planned for; the rest absorbs what falls together by chance."""
SLOWEST_ROUNDS = 1.2
"""The ceiling under a budget, in rounds: a round is the time to look at every waiting job once."""
LEAST_SHARE = 0.75
"""The part of a budget that is left for looks before the last one, however many jobs end."""


@dataclass(slots=True)
class Crowd:
    """The jobs that wait now.

    One price for all makes the best of a budget: a job looks as often as its own hazard earns. It
    is set by how eager the jobs are on average over their lives, so that a look at one takes no
    longer when ten thousand wait; what falls together waits its turn at the account's `Gate`.

    Attributes:
        jobs: how many.
        attention: the sum of their laws' mean attention.
        endings_per_s: how many of them end in a second, on average.
    """

    jobs: int = 0
    attention: float = 0.0
    endings_per_s: float = 0.0

    def join(self, law: Law) -> None:
        """One more job of this law waits."""
        self.jobs += 1
        self.attention += law.mean_attention
        self.endings_per_s += 1 / law.mean_s

    def leave(self, law: Law) -> None:
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
