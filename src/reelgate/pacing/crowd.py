"""All the waiting jobs of one account, kept as sums: what they ask for costs nothing to know."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from reelgate.pacing.law import Law
from reelgate.pacing.pace import BUDGET_SHARE, SLOWEST_ROUNDS, Pace

LEAST_SHARE = 0.75
"""The part of a budget that is left for looks before the last one, however many jobs end."""


@dataclass(slots=True)
class Crowd:
    """The jobs that wait now.

    `pace_within_budget` asks each job how eager it is at this moment; this does with how eager jobs
    of its kind are on average, so that a look at one job takes no longer when ten thousand wait.

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
        root = self.attention / planned_per_s
        if root * root <= pace.price_s:
            return pace
        ceiling_s = max(pace.ceiling_s, SLOWEST_ROUNDS * self.jobs / planned_per_s)
        return replace(pace, price_s=max(root * root, math.ulp(0.0)), ceiling_s=ceiling_s)
