"""What a job is known to have cost: decided from what was really told, never guessed.

A failure after an accepted submit stays charged as it was told: whether an upstream gave the
credits back is seen in its own account only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reelgate.domain.price import Money
from reelgate.domain.video import OUTCOME_UNKNOWN, State, Video
from reelgate.errors import Cancelled


class Charge(StrEnum):
    """Whether the upstream's account has paid for a job."""

    CHARGED = "charged"  # it accepted the job, and told a price or made the video
    FREE = "free"  # nothing was accepted, or at no cost
    UNKNOWN = "unknown"  # nobody knows yet, or ever


@dataclass(frozen=True, slots=True)
class Charged:
    """Whether a job was paid for, with what where that is told, and why we say so."""

    charge: Charge
    cost: Money | None
    why: str


def charge_of(video: Video) -> Charged:
    """What is known now."""
    if video.provider_id is not None:
        return accepted(video)
    if video.attempts == 0:
        return Charged(Charge.FREE, None, "nothing was sent")
    if video.state is State.SUBMITTING:
        return Charged(Charge.UNKNOWN, None, "its submit is under way")
    if video.state is State.FAILED and may_have_been_accepted(video):
        return Charged(Charge.UNKNOWN, None, "its submit may have been accepted")
    return Charged(Charge.FREE, None, "every submit was refused")


def accepted(video: Video) -> Charged:
    """The upstream is known to have taken it."""
    if video.cost is not None and not video.cost.amount:
        return Charged(Charge.FREE, video.cost, f"{video.provider} took it at no cost")
    if video.cost is not None:
        told = f"{video.provider} told this price"
        return Charged(Charge.CHARGED, video.cost, told)
    if video.state is State.COMPLETED:
        return Charged(Charge.CHARGED, None, f"it was made; {video.provider} told no price")
    return Charged(Charge.UNKNOWN, None, f"{video.provider} accepted it and told no price")


def may_have_been_accepted(video: Video) -> bool:
    """Whether its last submit ended without a sure refusal; `marker` is empty after one."""
    code = None if video.failure is None else video.failure.code
    if code == Cancelled.code:
        return video.marker != ""
    return bool(video.marker) or code in OUTCOME_UNKNOWN
