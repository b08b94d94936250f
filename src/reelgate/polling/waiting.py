"""Which jobs of a kind are learned from: a sample of those that ended, and those that wait."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelgate.polling.observations import Observation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reelgate.polling.distribution import Distribution
    from reelgate.polling.schedule import Pace

SAMPLE_SIZE = 200
"""Jobs kept of each kind: enough for a smooth distribution, few enough to follow a drift."""
MAX_WAITING = 500
"""At most this many waiting jobs are asked; of more, every second, third, ... stands for all."""
DECAY_S = 600.0
"""Where jobs are many, this much older ones are kept a factor of e more rarely."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was observed of a job, when it was submitted (Unix time), and its ticket."""

    observation: Observation
    submitted_at: float
    ticket: float


@dataclass(slots=True, eq=False)
class WaitingJob:
    """One job that waits; its polls bring `not_ready_at_s` up to date.

    Attributes:
        kind: what its duration depends on.
        account: whose budget its polls are made on.
        submitted_at: Unix time.
        ticket: see `ticket_of`.
        distribution: what was known of its kind when it began.
        pace: how often to poll it if it were alone, settled when it began: a distribution learned
            later says where polls pay most, not that a job deserves more of them.
        not_ready_at_s: the last poll that found it not ready, in seconds since its submit.
        polls: how often it was polled.
    """

    kind: str
    account: str
    submitted_at: float
    ticket: float
    distribution: Distribution
    pace: Pace
    not_ready_at_s: float = 0.0
    polls: int = 0

    def censored(self, count: float = 1.0) -> Record:
        """What is known of it while it runs; it stands for `count` jobs."""
        observation = Observation(self.not_ready_at_s, math.inf, count)
        return Record(observation, self.submitted_at, self.ticket)

    def ended(self, polled_at_s: float) -> Record:
        """What is known of it once a poll found it ready."""
        observation = Observation(self.not_ready_at_s, polled_at_s)
        return Record(observation, self.submitted_at, self.ticket)


def ticket_of(job_id: str, submitted_at: float, *, unit_s: float = 1.0) -> float:
    """The key of a weighted sample without replacement: the jobs with the highest are kept.

    It is the submit time plus Gumbel noise (Efraimidis and Spirakis, 2006), taken from the job's id
    so that it is the same in each process and after a restart.

    Args:
        job_id: where the noise comes from.
        submitted_at: Unix time.
        unit_s: what counts as a second upstream.
    """
    number = int.from_bytes(hashlib.blake2b(job_id.encode(), digest_size=6).digest())
    uniform = (number + 0.5) / 2**48
    return submitted_at / (DECAY_S * unit_s) - math.log(-math.log(uniform))


def observations_of(
    ended: Sequence[Record], waiting: Iterable[WaitingJob], *, count: float = 1.0
) -> list[Observation]:
    """The sample of ended jobs and the jobs that wait, in the order of their submits.

    A job that waits counts only if it would be in the sample, were it ready now: else the slow ones
    among jobs that were submitted together would count more than the fast.

    Args:
        ended: jobs in the sample.
        waiting: jobs that wait here.
        count: how many jobs that wait here or elsewhere each of these stands for.
    """
    lowest = min((record.ticket for record in ended), default=-math.inf)
    threshold = lowest if len(ended) >= SAMPLE_SIZE else -math.inf
    eligible = [job for job in waiting if job.ticket >= threshold]
    every = max(1, -(-len(eligible) // MAX_WAITING))
    running = [job.censored(every * count) for job in eligible[::every]]
    return [record.observation for record in sorted([*ended, *running], key=submission_order)]


def submission_order(record: Record) -> tuple[float, float]:
    """Sort key: the submit time, then chance between jobs submitted together."""
    return record.submitted_at, record.ticket
