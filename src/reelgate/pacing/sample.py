"""Which jobs a law is learned from: a fair draw among those of late, ready or not.

Keeping the last 200 that were ready would keep the slowest of a crowd that was submitted together.
So each job draws a ticket when it is submitted, the later the better on average, and the highest
tickets are kept. Time over memory plus a Gumbel variate makes the chance to be kept proportional
to exp(time / memory): weighted sampling without replacement (Efraimidis and Spirakis, 2006).
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reelgate.pacing.evidence import Seen
    from reelgate.pacing.waiting import Record, Waiting

KEPT = 200
"""Jobs kept of each kind: enough for a smooth law, few enough to follow a drift."""
MOST_WAITING = 500
"""Jobs that wait are asked up to so many; of more, every second, third, ... stands for the rest."""
MEMORY_S = 600.0
"""Of jobs submitted this long before others, a third as many are kept where there are many."""


def ticket_of(job_id: str, submitted_at: float, *, unit_s: float = 1.0) -> float:
    """The ticket of a job: the same wherever and whenever it is drawn.

    Args:
        job_id: what its luck is taken from.
        submitted_at: Unix time.
        unit_s: what counts as a second upstream.
    """
    number = int.from_bytes(hashlib.blake2b(job_id.encode(), digest_size=6).digest())
    luck = (number + 0.5) / 2**48
    return submitted_at / (MEMORY_S * unit_s) - math.log(-math.log(luck))


def drawn(ended: Sequence[Record], waiting: Iterable[Waiting], *, alike: float = 1.0) -> list[Seen]:
    """Put jobs that wait among those that were kept, in the order they were submitted in.

    A job that waits counts only if it would be kept now, were it ready: else the slow ones among
    jobs that were submitted together would count more than the fast.

    Args:
        ended: jobs that were kept.
        waiting: jobs that wait here.
        alike: how many jobs that wait here or elsewhere each of these stands for.
    """
    least = min((record.ticket for record in ended), default=-math.inf)
    bar = least if len(ended) >= KEPT else -math.inf
    due = [each for each in waiting if each.ticket >= bar]
    every = max(1, -(-len(due) // MOST_WAITING))
    waits = [each.so_far(alike=every * alike) for each in due[::every]]
    return [record.seen for record in sorted([*ended, *waits], key=begun)]


def begun(record: Record) -> tuple[float, float]:
    """The order of submission; chance decides between those submitted together."""
    return record.submitted_at, record.ticket
