"""What follows a failed delivery, and when: decisions only."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from reelgate.db.webhooks import Claimed
from reelgate.webhooks.sender import Reply

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


SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The endpoint has it."""


@dataclass(frozen=True, slots=True)
class Again:
    """It is tried once more after this many seconds."""

    gap_s: float


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It is not tried any more."""


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """The endpoint wants no more at all."""


Verdict = Delivered | Again | GivenUp | SwitchOff


def judge(reply: Reply, claimed: Claimed, schedule: Schedule, draw: float) -> Verdict:
    """What an attempt's outcome means; `draw` is uniform on 0-1."""
    if reply.status is not None and reply.status in SUCCESS:
        return Delivered()
    if reply.status == HTTPStatus.GONE:
        return SwitchOff()
    # Trying a private address again and again would only help somebody who hunts for a gap.
    if reply.refused:
        return GivenUp()
    gap_s = schedule.next_gap_s(claimed.failures + 1, claimed.age_s, draw, reply.retry_after_s)
    return GivenUp() if gap_s is None else Again(gap_s)


def words_of(reply: Reply) -> str | None:
    """Why an attempt failed, for the log; None for a success."""
    if reply.status is None or reply.status in SUCCESS:
        return reply.error
    return f"the endpoint answered HTTP {reply.status}"
