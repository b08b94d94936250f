"""What others of its kind see of a job: while it waits, and once it is ready."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reelgate.pacing.evidence import Seen
from reelgate.pacing.law import Law
from reelgate.pacing.pace import Pace


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
    law: Law
    pace: Pace
    not_ready_at_s: float = 0.0
    polls: int = 0

    def so_far(self, alike: float = 1.0) -> Record:
        """What is known of it now; it stands for `alike` jobs."""
        return Record(Seen(self.not_ready_at_s, math.inf, alike), self.submitted_at, self.ticket)

    def ready(self, looked_at_s: float) -> Record:
        """What is known of it once a look found it ready."""
        return Record(Seen(self.not_ready_at_s, looked_at_s), self.submitted_at, self.ticket)
