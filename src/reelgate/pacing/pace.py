"""When to look next, and at what price."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelgate.pacing.law import Law

FLOOR_S = 0.25
"""Shortest time between two looks at one job."""
CEILING_S = 15.0
"""Longest time between two looks at one job that may be ready."""
DELAY_S = 0.5
"""Mean delay aimed at when nothing else limits us."""
DELAY_SHARE = 0.05
"""...but no more than this share of the mean duration: half a second is late for a 3 s job."""
PLAIN_LOOP_S = 10.0
"""What everybody polls at, and what our number of looks is measured by."""
LOOKS_AT_MOST = 2.0
"""Looks by default, at most, in units of those the plain loop makes..."""
LOOKS_ALWAYS = 8.0
"""...or this many, since of a short job the plain loop makes just one."""

BUDGET_SHARE = 0.9
"""The part of a budget that is planned for; the rest absorbs what falls together by chance."""
SLOWEST_ROUNDS = 1.2
"""The ceiling under a budget, in rounds: a round is the time to look at every waiting job once."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How eagerly to look.

    Args:
        price_s: lambda, the seconds of delay that one look is worth; above 0.
        floor_s: shortest time between two looks.
        ceiling_s: longest time between two looks once a job may be ready; at least `floor_s`.

    Raises:
        ValueError: one of them is out of range.
    """

    price_s: float
    floor_s: float = FLOOR_S
    ceiling_s: float = CEILING_S

    def __post_init__(self) -> None:
        if not (0 < self.price_s < math.inf):
            raise ValueError("price_s is above 0 and finite")
        if not (0 < self.floor_s <= self.ceiling_s):
            raise ValueError("a pace needs 0 < floor_s <= ceiling_s")


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
        phase: the part of a whole step to go, in (0, 1]; jobs submitted together should start with
            different phases so that they do not look together.

    Returns:
        Elapsed seconds of the next look, at most `deadline_s`. At or past the deadline that is
        `deadline_s`: there is no further look.
    """
    wanted = law.when_s(law.attention_by(elapsed_s) + math.sqrt(pace.price_s) * phase)
    latest = max(elapsed_s, law.lead_s) + pace.ceiling_s * phase
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


def default_pace(law: Law, *, unit_s: float = 1.0) -> Pace:
    """About half a second of delay, unless that takes twice the looks of polling every 10 s.

    Args:
        law: the law of the job's kind.
        unit_s: what counts as a second: an upstream that runs in a scaled time, as a sandbox does,
            is looked at in that time.
    """
    delay_s = min(DELAY_S * unit_s, DELAY_SHARE * law.mean_s)
    looks = max(LOOKS_ALWAYS, LOOKS_AT_MOST * law.mean_s / (PLAIN_LOOP_S * unit_s))
    price_s = max(price_for_delay(law, delay_s), price_for_looks(law, looks))
    return Pace(price_s, FLOOR_S * unit_s, CEILING_S * unit_s)


def pace_within_budget(
    pace: Pace, waiting: Sequence[tuple[Law, float]], *, budget_per_s: float
) -> Pace:
    """Slow a pace down until all waiting jobs of an account together keep to its budget.

    One price for all makes the best of the budget: a job looks as often as its own hazard earns.
    The ceiling gives way too, since each job that waits at the ceiling still looks.

    Args:
        pace: what one job alone would keep to.
        waiting: for each job of the account its law and its elapsed seconds.
        budget_per_s: looks per second that the account may make, above 0.

    Returns:
        A pace at which the expected looks per second of all are at most the budget, now and on
        average over the jobs' lives: jobs that were submitted together ask for nothing now and
        for everything at once later.

    Raises:
        ValueError: the budget is not above 0.

    A budget that does not hold about one look per job cannot be kept by any price: how many jobs an
    account carries at once has to be bounded elsewhere.
    """
    if not budget_per_s > 0:
        raise ValueError("budget_per_s is above 0")
    # The look that finds a job ready comes half a step early or late: half a look more per job.
    finding_per_s = sum(0.5 / law.mean_s for law, _ in waiting)
    planned_per_s = BUDGET_SHARE * max(budget_per_s - finding_per_s, 0.75 * budget_per_s)
    ceiling_s = max(pace.ceiling_s, SLOWEST_ROUNDS * len(waiting) / planned_per_s)
    mean = sum(law.mean_attention for law, _ in waiting) / planned_per_s
    root = max(math.sqrt(pace.price_s), mean, root_price(waiting, planned_per_s, ceiling_s))
    return replace(pace, price_s=root * root, ceiling_s=ceiling_s)


def root_price(
    waiting: Sequence[tuple[Law, float]], budget_per_s: float, ceiling_s: float
) -> float:
    """The square root of the lowest price at which the looks asked for now keep to the budget.

    Jobs are taken from the least eager on: while one would look less often than the ceiling makes
    it look, it is served by the ceiling and the others share what is left.
    """
    leading = sum(law.attention(e) for law, e in waiting if e < law.lead_s)
    eager = sorted(law.attention(e) for law, e in waiting if e >= law.lead_s)
    asked, left = leading + sum(eager), budget_per_s
    for attention in eager:
        if attention * left * ceiling_s >= asked:
            break
        asked, left = asked - attention, left - 1 / ceiling_s
    return max(asked, 0.0) / left
