"""Running jobs as right-censored observations, and which jobs are learned from."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelgate.polling.distribution import Distribution
from reelgate.polling.observations import Seen
from reelgate.polling.schedule import Pace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reelgate.polling.observations import Seen


@dataclass(frozen=True, slots=True)
class Record:
    """What was seen of a job, when it was submitted (Unix time), and the ticket it drew then."""

    seen: Seen
    submitted_at: float
    ticket: float


@dataclass(slots=True, eq=False)
class Waiting:
    """One job that waits; its looks bring `not_ready_at_s` up to date.

    Attributes:
        kind: what its duration depends on.
        account: whose budget its looks are made on.
        submitted_at: Unix time.
        ticket: see `ticket_of`.
        law: what was known of its kind when it began.
        pace: how eagerly to look at it alone, settled when it began: a law that is learned anew
            says where looks are worth most, not that a job is owed more of them.
        not_ready_at_s: the last look that found it not ready, in seconds since its submit.
        polls: how often it was polled.
    """

    kind: str
    account: str
    submitted_at: float
    ticket: float
    law: Distribution
    pace: Pace
    not_ready_at_s: float = 0.0
    polls: int = 0

    def so_far(self, alike: float = 1.0) -> Record:
        """What is known of it now; it stands for `alike` jobs."""
        return Record(Seen(self.not_ready_at_s, math.inf, alike), self.submitted_at, self.ticket)

    def ready(self, polled_at_s: float) -> Record:
        """What is known of it once a look found it ready."""
        return Record(Seen(self.not_ready_at_s, polled_at_s), self.submitted_at, self.ticket)


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
