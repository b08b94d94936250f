"""Jobs in an upstream's own list, and which of them may be a submit whose answer was lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from reelgate.providers.base import Candidate, Match, Submission

EARLIER_S = 120.0
"""So much earlier than our clock says it was sent a job may have been made: clocks differ."""
LATER_S = 300.0
"""So much later: the submit itself may take a minute, and clocks differ."""
MILLISECONDS_FROM = 1e11
"""A Unix time above this is in milliseconds."""
LATEST = 1e14


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob:
    """A job as a list tells it.

    Attributes:
        submission: as the answer to its submit would have told it.
        created_at: when it was made, Unix seconds; None where that is not told.
        prompt: None where that is not told.
        marker: what it was sent with; empty where it carries none.
        is_alike: whether the rest that is told of it is what was asked for.
    """

    submission: Submission
    created_at: float | None
    prompt: str | None
    marker: str = ""
    is_alike: bool = True

    def match(self, prompt: str, sent_at: float) -> Match | None:
        """How well it fits, by its likeness alone."""
        if not self.is_alike or (self.prompt is not None and self.prompt != prompt.strip()):
            return None
        if self.created_at is not None and not is_in_time(self.created_at, sent_at):
            return None
        tells_all = self.prompt is not None and self.created_at is not None
        return Match.LIKENESS if tells_all else Match.HINT


def candidates(
    jobs: Iterable[ListedJob], prompt: str, sent_at: float, marker: str
) -> list[Candidate]:
    """Which of the listed jobs may be the submit's.

    A marker decides alone: a job with another one is another's.
    """
    listed = list(jobs)
    marked = [job for job in listed if marker and job.marker == marker]
    if marked:
        return [Candidate(job.submission, Match.MARKER) for job in marked]
    matches = ((job, job.match(prompt, sent_at)) for job in listed if not (marker and job.marker))
    return [Candidate(job.submission, match) for job, match in matches if match is not None]


def is_in_time(created_at: float, sent_at: float) -> bool:
    """Whether a job that was made then may have been sent at that time."""
    return -EARLIER_S <= created_at - sent_at <= LATER_S


def unix_s(value: object) -> float | None:
    """A time in Unix seconds, told in seconds, in milliseconds or as ISO 8601; None if neither."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float) or not value < LATEST:
        return None
    return value / 1000 if value > MILLISECONDS_FROM else float(value)
