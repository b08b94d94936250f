"""When a failed delivery is tried again: a decision only."""

from __future__ import annotations

from dataclasses import dataclass

GAPS_S = (1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 28800.0)
"""Eleven retries in 21.7 hours: jitter included, all of them are over within a day."""
LIFE_S = 86400.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The gaps between attempts in seconds, and how far chance moves each of them."""

    gaps_s: tuple[float, ...] = GAPS_S
    jitter: float = 0.1
    life_s: float = LIFE_S

    def next_gap_s(
        self, failures: int, age_s: float, draw: float, retry_after_s: float | None = None
    ) -> float | None:
        """How long to wait after a failure; None when the delivery is given up.

        Args:
            failures: how many attempts have failed, this one included.
            age_s: how long ago the delivery was queued.
            draw: uniform on 0-1, handed in so that the decision stays pure.
            retry_after_s: what the endpoint asked for; a longer gap than ours is granted, but for
                the end of the delivery's life.
        """
        if failures > len(self.gaps_s):
            return None
        gap_s = self.gaps_s[failures - 1] * (1.0 + self.jitter * (2.0 * draw - 1.0))
        left_s = self.life_s - age_s
        if gap_s > left_s:
            return None
        return max(gap_s, min(retry_after_s or 0.0, left_s))
