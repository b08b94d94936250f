"""When to look next, and at what price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reelgate.polling.distribution import Distribution

FLOOR_S = 0.25
"""Shortest time between two polls of one job."""
LEAD_SHARE = 0.05
"""While fewer of the jobs that wait than this share become ready, no poll is owed."""
DELAY_S = 0.5
"""Mean delay aimed at when nothing else limits us."""
DELAY_SHARE = 0.05
"""...but no more than this share of the mean duration: half a second is late for a 3 s job."""
PLAIN_S = 10.0
"""The plain loop: wait so long, poll, and again. We are measured by its delay and its polls."""
MORE, EXTRA = 1.25, 2.75
"""A job of a new kind has at most `MORE` times the plain loop's polls, and `EXTRA` more."""
AIM_NEW = 0.41
"""The part of that which its price plans for; the rest is for what was not published."""
EXTRA_KNOWN, AIM_KNOWN = 1.25, 0.9
"""The same once a kind is known. The rest is for what jobs cost more than their law expects, and
for the request that makes sure of what the last poll found."""
CEILING_NEW_S, CEILING_KNOWN_S = 8.8, 15.0
"""Longest time between two polls of one job that may be ready; while a kind is new, it holds where
so many jobs wait that the plain loop's moments would be too many polls at once."""
EVERY = 8
"""In one of so many of the plain loop's intervals a job of a new kind is polled once more."""
FIRST_PART, PART = 0.75, 0.5
"""...after this part of it; in the first one there is always such a poll."""
ROUNDED = 0.15
"""A poll due so shortly before one of these is made with it (a share of the interval)."""
JUST_POLLED = 0.05
"""So shortly after another poll the plain loop's is left out."""
KNOWN = 16
"""Earlier jobs of its kind from which on what they took is trusted."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How eagerly to poll.

    Args:
        price_s: lambda, the seconds of delay that one poll is worth; above 0.
        floor_s: shortest time between two polls.
        ceiling_s: longest time between two polls once a job may be ready; at least `floor_s`.
        lead_share: a job may be ready once this share of those that wait as long is; in [0, 1).
        plain_s: how often the plain loop polls.
        is_new: whether too few jobs have taught the kind: then each is found no later than by the
            plain loop.

    Raises:
        ValueError: one of them is out of range.
    """

    price_s: float
    floor_s: float = FLOOR_S
    ceiling_s: float = CEILING_KNOWN_S
    lead_share: float = LEAD_SHARE
    plain_s: float = PLAIN_S
    is_new: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.price_s < math.inf):
            raise ValueError("price_s is above 0 and finite")
        if not (0 < self.floor_s <= self.ceiling_s):
            raise ValueError("a pace needs 0 < floor_s <= ceiling_s")
        if not (0 <= self.lead_share < 1):
            raise ValueError("lead_share lies between 0 and 1")
        if not (0 < self.plain_s < math.inf):
            raise ValueError("plain_s is above 0 and finite")


def next_poll_s(
    law: Distribution,
    elapsed_s: float,
    pace: Pace,
    *,
    deadline_s: float,
    not_before_s: float = 0.0,
    phase: float = 1.0,
    polls: int = 0,
) -> float:
    """Say when to poll a job again that was not ready at `elapsed_s`.

    The next poll is where the integrated attention has grown by one poll since the last, wherever
    (and however late) that was, and no later than the pace allows.

    Args:
        law: the law of the job's kind.
        elapsed_s: when it was polled last, in seconds since the accepted submit; 0 at first.
        pace: price, floor and ceiling.
        deadline_s: when we stop polling; the last poll falls exactly on it.
        not_before_s: where a `Retry-After` ends, as elapsed seconds.
        phase: the part of a first step to go, from 1/2 to 3/2; jobs submitted together should have
            different phases, 1 on average, so that they are not polled together.
        polls: how often the job was polled so far.

    Returns:
        Elapsed seconds of the next poll, at most `deadline_s`. At or past the deadline that is
        `deadline_s`: there is no further poll.
    """
    step = math.sqrt(pace.price_s) * (1.0 if polls else phase)
    wanted_s = law.when_s(law.attention_by(elapsed_s) + step)
    if pace.is_new:
        due_s = new_kind_s(wanted_s, elapsed_s, pace.plain_s, phase, polls)
    else:
        due_s = min(wanted_s, law.lead_s(elapsed_s, pace.lead_share) + pace.ceiling_s)
    poll_s = max(due_s, elapsed_s + pace.floor_s, not_before_s)
    # A poll within the floor of the deadline would leave no room for the last one.
    return poll_s if poll_s + pace.floor_s <= deadline_s else deadline_s


def new_kind_s(
    wanted_s: float, elapsed_s: float, plain_s: float, phase: float, polls: int
) -> float:
    """The plain loop's next poll, or one before it that is wanted or due, if it is allowed."""
    nth = math.floor(elapsed_s / plain_s + JUST_POLLED) + 1
    latest_s = nth * plain_s
    # With this poll and the plain loop's there are then no more than MORE * nth + EXTRA.
    if polls + 2 > MORE * nth + EXTRA:
        return latest_s
    rounded_s = ROUNDED * plain_s
    if nth == 1 or nth % EVERY == int(EVERY * (phase - 0.5)):
        between_s = latest_s - (1 - (FIRST_PART if nth == 1 else PART)) * plain_s
        if elapsed_s < between_s - rounded_s:
            latest_s = between_s
    return wanted_s if wanted_s < latest_s - rounded_s else latest_s


def price_for_delay(law: Distribution, delay_s: float) -> float:
    """The price at which jobs of a law are answered `delay_s` after they are ready, on average."""
    return float((delay_s / law.spread) ** 2)


def price_for_polls(law: Distribution, looks: float) -> float:
    """The price at which jobs of a law cost this many looks on average, the one that finds it too.

    Looks sit on a grid of whole numbers, and the one that finds a job ready comes half a step after
    it is, on average.
    """
    return float((law.spread / max(looks - 0.5, 0.5)) ** 2)


def default_pace(law: Distribution, *, unit_s: float = 1.0, earlier: float = KNOWN) -> Pace:
    """About half a second of delay, unless that takes too many polls.

    Args:
        law: the law of the job's kind.
        unit_s: what counts as a second: an upstream that runs in a scaled time, as a sandbox does,
            is polled in that time.
        earlier: how many jobs had taught the law by when this one began.
    """
    is_new = earlier < KNOWN
    delay_s = min(DELAY_S * unit_s, DELAY_SHARE * law.mean_s)
    aim, extra = (AIM_NEW, EXTRA) if is_new else (AIM_KNOWN, EXTRA_KNOWN)
    polls = aim * (MORE * plain_polls(law.mean_s / unit_s) + extra)
    return Pace(
        price_s=max(price_for_delay(law, delay_s), price_for_polls(law, polls)),
        floor_s=FLOOR_S * unit_s,
        ceiling_s=(CEILING_NEW_S if is_new else CEILING_KNOWN_S) * unit_s,
        lead_share=0.0 if is_new else LEAD_SHARE,
        plain_s=PLAIN_S * unit_s,
        is_new=is_new,
    )


def plain_polls(mean_s: float) -> float:
    """The polls of the plain loop: it finds a job half a step after it is ready, on average."""
    return max(1.0, mean_s / PLAIN_S + 0.5)
