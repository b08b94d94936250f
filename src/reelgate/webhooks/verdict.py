"""What follows an attempt: a decision only."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from reelgate.store.webhooks import Claimed
from reelgate.webhooks.schedule import Schedule
from reelgate.webhooks.send import Reply

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
