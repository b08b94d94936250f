"""The polls of a job, as its timeline tells them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

MOST_KEPT = 40
"""Of one job's polls: half of them the first, half the latest."""


class PollOutcome(StrEnum):
    """What a poll showed."""

    NOT_READY = "not_ready"  # at work, or called over and without a file so far
    READY = "ready"  # there is a file to fetch
    FAILED = "failed"  # the upstream has given the job up
    RATE_LIMITED = "rate_limited"  # the account was asked too often
    ERROR = "error"  # there was no answer, or none that can be read


class Poll(NamedTuple):
    """When a job was polled, in Unix seconds, and the `PollOutcome`, or that of a newer version."""

    at: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Polls:
    """The polls that are known of a job, oldest first.

    Attributes:
        count: how many.
        kept: at most `MOST_KEPT`; where there were more, the first half and the latest.
    """

    count: int = 0
    kept: tuple[Poll, ...] = ()

    def followed_by(self, poll: Poll) -> Polls:
        """These and a later one."""
        kept = (*self.kept, poll)
        if len(kept) > MOST_KEPT:
            kept = kept[: MOST_KEPT // 2] + kept[MOST_KEPT // 2 + 1 :]
        return Polls(self.count + 1, kept)
