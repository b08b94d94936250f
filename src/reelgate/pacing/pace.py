"""When to look next, and at what price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reelgate.pacing.law import Law

FLOOR_S = 0.25
"""Shortest time between two looks at one job."""
CEILING_S = 15.0
"""Longest time between two looks at one job that may be ready."""
LEAD_SHARE = 0.05
"""While fewer of the jobs that wait than this share become ready, no look is owed."""
DELAY_S = 0.5
"""Mean delay aimed at when nothing else limits us."""
DELAY_SHARE = 0.05
"""...but no more than this share of the mean duration: half a second is late for a 3 s job."""
PLAIN_LOOP_S = 10.0
"""What everybody polls at, and what our number of looks is measured by."""
LEAST_PLAIN = 5.0
"""The plain loop is taken to look this often at least: of a short job it makes just one look."""
SHARE_COLD, SHARE_WARM = 0.72, 1.65
"""Requests by default, at most, in units of the plain loop's: before and after jobs have taught.

The plain loop's looks take time themselves, so it makes a sixth fewer than its sleep allows; the
rest to 1 and 2 is for what jobs cost more than their law expects.
"""
CONFIRMING = 1.0
"""Requests of a job beside its looks: one that makes sure of what the last of them found."""
CEILING_COLD_S = 9.0
"""The ceiling while nothing was seen: what nobody knows is found sooner than by polling."""
NOVICE, EXPERIENCED = 6.0, 16.0
"""Earlier jobs up to which a kind is as good as new, and from which on its law is trusted."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How eagerly to look.

    Args:
        price_s: lambda, the seconds of delay that one look is worth; above 0.
        floor_s: shortest time between two looks.
        ceiling_s: longest time between two looks once a job may be ready; at least `floor_s`.
        lead_share: a job may be ready once this share of those that wait as long is; in [0, 1).

    Raises:
        ValueError: one of them is out of range.
    """

    price_s: float
    floor_s: float = FLOOR_S
    ceiling_s: float = CEILING_S
    lead_share: float = LEAD_SHARE

    def __post_init__(self) -> None:
        if not (0 < self.price_s < math.inf):
            raise ValueError("price_s is above 0 and finite")
        if not (0 < self.floor_s <= self.ceiling_s):
            raise ValueError("a pace needs 0 < floor_s <= ceiling_s")
        if not (0 <= self.lead_share < 1):
            raise ValueError("lead_share lies between 0 and 1")


def next_look_s(
    law: Law,
    elapsed_s: float,
    pace: Pace,
    *,
    deadline_s: float,
    not_before_s: float = 0.0,
    phase: float = 1.0,
) -> float:
    """Say when to look again at a job that was not ready at `elapsed_s`.

    The only state is the time of the last look: the next one is where the integrated attention has
    grown by one look since, wherever (and however late) that last look was.

    Args:
        law: the law of the job's kind.
        elapsed_s: seconds since the accepted submit; 0 for the first look.
        pace: price, floor and ceiling.
        deadline_s: when we stop looking; the last look falls exactly on it.
        not_before_s: where a `Retry-After` ends, as elapsed seconds.
        phase: the part of a whole step to go, above 0; jobs submitted together should start with
            different phases, 1 on average, so that they do not look together.

    Returns:
        Elapsed seconds of the next look, at most `deadline_s`. At or past the deadline that is
        `deadline_s`: there is no further look.
    """
    wanted = law.when_s(law.attention_by(elapsed_s) + math.sqrt(pace.price_s) * phase)
    latest = law.lead_s(elapsed_s, pace.lead_share) + pace.ceiling_s
    look = max(min(wanted, latest), elapsed_s + pace.floor_s, not_before_s)
    # A look within the floor of the deadline would leave no room for the last one.
    return look if look + pace.floor_s <= deadline_s else deadline_s


def price_for_delay(law: Law, delay_s: float) -> float:
    """The price at which jobs of a law are answered `delay_s` after they are ready, on average."""
    return float((delay_s / law.spread) ** 2)


def price_for_looks(law: Law, looks: float) -> float:
    """The price at which jobs of a law cost this many looks on average, the one that finds it too.

    Looks sit on a grid of whole numbers, and the one that finds a job ready comes half a step after
    it is, on average.
    """
    return float((law.spread / max(looks - 0.5, 0.5)) ** 2)


def polling_looks(mean_s: float) -> float:
    """The looks of polling every 10 s: it finds a job half a step after it is ready."""
    return mean_s / PLAIN_LOOP_S + 0.5


def default_pace(
    law: Law, *, unit_s: float = 1.0, earlier: float = EXPERIENCED, published: bool = True
) -> Pace:
    """About half a second of delay, unless that takes too many looks.

    Args:
        law: the law of the job's kind.
        unit_s: what counts as a second: an upstream that runs in a scaled time, as a sandbox does,
            is looked at in that time.
        earlier: how many jobs had taught the law by when this one began. Without any a job
            costs fewer requests than polling every 10 s would, with enough of them less than twice
            as many.
        published: whether the provider tells how long this takes. If it does not, and too few
            jobs have taught it, there is no time before which a job is surely not ready.
    """
    trust = min(max(0.0, earlier - NOVICE) / (EXPERIENCED - NOVICE), 1.0)
    share = SHARE_COLD + trust * (SHARE_WARM - SHARE_COLD)
    delay_s = min(DELAY_S * unit_s, DELAY_SHARE * law.mean_s)
    looks = share * max(LEAST_PLAIN, polling_looks(law.mean_s / unit_s)) - CONFIRMING
    return Pace(
        price_s=max(price_for_delay(law, delay_s), price_for_looks(law, looks)),
        floor_s=FLOOR_S * unit_s,
        ceiling_s=(CEILING_COLD_S + trust * (CEILING_S - CEILING_COLD_S)) * unit_s,
        lead_share=LEAD_SHARE if published or earlier >= EXPERIENCED else 0.0,
    )
