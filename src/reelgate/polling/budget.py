"""One account's polls: a budget that its jobs share, and a token bucket that spaces them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reelgate.polling.distribution import Distribution
    from reelgate.polling.schedule import Pace

BURST_S = 1.0
"""The polls of this long may be made in one instant, after as long without any."""
ROUNDING_S = 1e-6
"""A token that is due in so little is there: times are floats."""
BUDGET_SHARE = 0.9
"""The part of a budget that is planned for; the rest absorbs polls that coincide by chance."""
MIN_SHARE = 0.75
"""The part of a budget left for polls before a job's last, however many jobs end."""
CEILING_ROUNDS = 1.2
"""The ceiling under a budget, in rounds: a round is the time to poll every waiting job once."""


@dataclass(slots=True)
class TokenBucket:
    """Spaces polls, or requests, with the generic cell rate algorithm (ITU-T I.371).

    In any window of w seconds no more than `per_s * (w + burst_s) + 1` of them pass.

    Attributes:
        full_at_s: when the bucket is full again if nothing more is taken, on the caller's clock.
        burst_s: the tokens of this long may be used in one instant.
    """

    full_at_s: float = 0.0
    burst_s: float = BURST_S

    def take_now(self, now_s: float, per_s: float) -> float:
        """Take a token if it may be used at once; returns the seconds until one may be."""
        wait_s = self.full_at_s - self.burst_s - now_s
        return wait_s if wait_s > ROUNDING_S else self.wait_s(now_s, per_s)

    def wait_s(self, now_s: float, per_s: float) -> float:
        """Take a token; returns the seconds until it may be used, 0 for at once."""
        at_s = max(now_s, self.full_at_s - self.burst_s)
        self.full_at_s = max(self.full_at_s, now_s) + 1 / per_s
        return at_s - now_s

    def close(self, until_s: float) -> None:
        """Empty the bucket: nothing passes until then, and no burst after it."""
        self.full_at_s = max(self.full_at_s, until_s + self.burst_s)


@dataclass(slots=True)
class SharedBudget:
    """The jobs of an account that wait now, and the price that keeps their polls in a budget.

    One price for all makes the best of a budget: each job is polled as its own hazard deserves.
    The price follows from the jobs' poll densities averaged over their lives, so that computing it
    takes no longer for ten thousand jobs; polls that coincide wait for the `TokenBucket`.

    Attributes:
        jobs: how many.
        poll_density: the sum of their distributions' `mean_poll_density`.
        endings_per_s: how many of them end in a second, on average.
    """

    jobs: int = 0
    poll_density: float = 0.0
    endings_per_s: float = 0.0

    def join(self, distribution: Distribution) -> None:
        self.jobs += 1
        self.poll_density += distribution.mean_poll_density
        self.endings_per_s += 1 / distribution.mean_s

    def leave(self, distribution: Distribution) -> None:
        """No longer count a job that joined with this distribution."""
        self.jobs -= 1
        self.poll_density -= distribution.mean_poll_density
        self.endings_per_s -= 1 / distribution.mean_s

    def slowed(self, pace: Pace, budget_per_s: float) -> Pace:
        """Slow a pace down until the polls of all jobs, averaged over their lives, fit a budget.

        Raises:
            ValueError: the budget is not above 0.
        """
        if not budget_per_s > 0:
            raise ValueError("budget_per_s is above 0")
        # The poll that finds a job ready comes half a step early or late: half a poll per job more.
        finding_per_s = 0.5 * self.endings_per_s
        left_per_s = max(budget_per_s - finding_per_s, MIN_SHARE * budget_per_s)
        planned_per_s = BUDGET_SHARE * left_per_s
        price_s = (self.poll_density / planned_per_s) ** 2
        # All jobs of a new kind that were submitted together are polled together.
        most_jobs = budget_per_s * BURST_S if pace.is_new else math.inf
        if price_s <= pace.price_s and self.jobs <= most_jobs:
            return pace
        return replace(
            pace,
            price_s=max(pace.price_s, price_s, math.ulp(0.0)),
            ceiling_s=max(pace.ceiling_s, CEILING_ROUNDS * self.jobs / planned_per_s),
            is_new=False,
        )
