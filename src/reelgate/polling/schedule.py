"""When to poll a job next, and what price of a poll that takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reelgate.polling.distribution import Distribution

FLOOR_S = 0.25
"""Shortest time between two polls of one job."""
LEAD_SHARE = 0.05
"""While fewer than this share of the jobs that wait as long become ready, no poll is due."""
DELAY_S = 0.5
"""Mean delay aimed at when nothing else limits us."""
DELAY_SHARE = 0.05
"""...but no more than this share of the mean duration: half a second is late for a 3 s job."""
PLAIN_S = 10.0
"""The interval of the plain loop, which polls and sleeps; we promise never to be later."""
POLL_RATIO, EXTRA_NEW = 1.25, 2.75
"""A job of a new kind has at most `POLL_RATIO` times the plain loop's polls plus `EXTRA_NEW`."""
PLANNED_NEW = 0.41
"""The part of that which its price plans for; the rest is for what was not published."""
EXTRA_KNOWN, PLANNED_KNOWN = 1.25, 0.9
"""The same once a kind is known. The rest is for jobs that take more polls than expected, and for
the request that confirms what the last poll found."""
CEILING_NEW_S, CEILING_KNOWN_S = 8.8, 15.0
"""Longest time between two polls of one job that may be ready; while a kind is new, it holds where
more jobs wait than the budget lets pass with the plain loop's polls."""
EXTRA_POLL_EVERY = 8
"""A job of a new kind is polled once more in one of this many of the plain loop's intervals."""
FIRST_PART, PART = 0.75, 0.5
"""...after this part of it; in the first interval there is always such a poll."""
MERGED_SHARE = 0.15
"""A poll due less than this share of an interval before one of these is made with it."""
JUST_POLLED_SHARE = 0.05
"""The plain loop's poll is left out if another was made less than this share before it."""
KNOWN_AFTER = 16
"""Earlier jobs of its kind from which on their durations are trusted."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to poll.

    Args:
        price_s: lambda, the seconds of delay that one poll is worth; above 0.
        floor_s: shortest time between two polls.
        ceiling_s: longest time between two polls once a job may be ready; at least `floor_s`.
        lead_share: a job may be ready once this share of those that wait as long is; in [0, 1).
        plain_s: how often the plain loop polls.
        is_new: whether too few jobs of the kind are known: then each is found no later than by the
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
    distribution: Distribution,
    elapsed_s: float,
    pace: Pace,
    *,
    deadline_s: float,
    not_before_s: float = 0.0,
    phase: float = 1.0,
    polls: int = 0,
) -> float:
    """Say when to poll a job again that was not ready at `elapsed_s`.

    The next poll is where the integral of the poll density has grown by one since the last poll,
    however late that was, and no later than the pace allows.

    Args:
        distribution: of the job's kind.
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
    wanted_s = distribution.poll_time_s(distribution.polls_by(elapsed_s) + step)
    if pace.is_new:
        due_s = new_kind_s(wanted_s, elapsed_s, pace.plain_s, phase, polls)
    else:
        due_s = min(wanted_s, distribution.lead_s(elapsed_s, pace.lead_share) + pace.ceiling_s)
    poll_s = max(due_s, elapsed_s + pace.floor_s, not_before_s)
    # A poll within the floor of the deadline would leave no room for the last one.
    return poll_s if poll_s + pace.floor_s <= deadline_s else deadline_s


def new_kind_s(
    wanted_s: float, elapsed_s: float, plain_s: float, phase: float, polls: int
) -> float:
    """The plain loop's next poll, or one that is wanted or due before it, within the promise."""
    nth = math.floor(elapsed_s / plain_s + JUST_POLLED_SHARE) + 1
    latest_s = nth * plain_s
    # Two more polls, this one and the plain loop's, must stay within the promise.
    if polls + 2 > POLL_RATIO * nth + EXTRA_NEW:
        return latest_s
    merged_s = MERGED_SHARE * plain_s
    if nth == 1 or nth % EXTRA_POLL_EVERY == int(EXTRA_POLL_EVERY * (phase - 0.5)):
        between_s = latest_s - (1 - (FIRST_PART if nth == 1 else PART)) * plain_s
        if elapsed_s < between_s - merged_s:
            latest_s = between_s
    return wanted_s if wanted_s < latest_s - merged_s else latest_s


def price_for_delay(distribution: Distribution, delay_s: float) -> float:
    """The price at which jobs are found `delay_s` after they are ready, on average."""
    return float((delay_s / distribution.expected_polls) ** 2)


def price_for_polls(distribution: Distribution, polls: float) -> float:
    """The price at which jobs take this many polls on average, with the one that finds it ready.

    That one comes half a step after the job is ready, on average.
    """
    return float((distribution.expected_polls / max(polls - 0.5, 0.5)) ** 2)


def default_pace(
    distribution: Distribution, *, unit_s: float = 1.0, earlier: float = KNOWN_AFTER
) -> Pace:
    """About half a second of delay, unless that takes too many polls.

    Args:
        distribution: of the job's kind.
        unit_s: what counts as a second: an upstream that runs in a scaled time, as a sandbox does,
            is polled in that time.
        earlier: how many jobs of the kind were known when this one began.
    """
    is_new = earlier < KNOWN_AFTER
    delay_s = min(DELAY_S * unit_s, DELAY_SHARE * distribution.mean_s)
    planned, extra = (PLANNED_NEW, EXTRA_NEW) if is_new else (PLANNED_KNOWN, EXTRA_KNOWN)
    polls = planned * (POLL_RATIO * plain_polls(distribution.mean_s / unit_s) + extra)
    return Pace(
        price_s=max(price_for_delay(distribution, delay_s), price_for_polls(distribution, polls)),
        floor_s=FLOOR_S * unit_s,
        ceiling_s=(CEILING_NEW_S if is_new else CEILING_KNOWN_S) * unit_s,
        lead_share=0.0 if is_new else LEAD_SHARE,
        plain_s=PLAIN_S * unit_s,
        is_new=is_new,
    )


def plain_polls(mean_s: float) -> float:
    """The mean polls of the plain loop: it finds a job half a step after it is ready."""
    return max(1.0, mean_s / PLAIN_S + 0.5)
