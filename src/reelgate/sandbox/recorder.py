"""Records every request, without its credentials."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelgate.sandbox.faults import Operation


class Outcome(StrEnum):
    """What became of a request; a fault in the answer does not change it."""

    OPEN = "open"
    """Not yet answered."""
    ACCEPTED = "accepted"
    """A submit whose job exists now."""
    ANSWERED = "answered"
    """Any other operation that was carried out."""
    RENDERING = "rendering"
    """A poll of a job that is not ready."""
    READY = "ready"
    """A poll of a job that is ready, or the fetching of its clip."""
    FAILED = "failed"
    """A poll of a job that failed."""
    UNKNOWN = "unknown"
    """A poll of a job that does not exist."""
    REFUSED = "refused"
    """Not carried out: bad credentials, bad parts, no credits, or a fault."""


@dataclass(slots=True)
class RecordedRequest:
    """One request; written at its arrival and completed when its answer is known.

    It is mutable so that a request whose answer never comes is on record too.
    """

    at: float
    method: str
    path: str
    operation: Operation
    user_agent: str
    outcome: Outcome = Outcome.OPEN
    status: int | None = None
    fault: str | None = None
    prompt: str | None = None
    id: str | None = None
    message: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain data for the control endpoint; times are Unix seconds."""
        return {name: getattr(self, name) for name in FIELDS}


FIELDS = tuple(field.name for field in fields(RecordedRequest))


class Recorder:
    """The last requests and, since the last clearing, how many of each kind there were."""

    def __init__(self, max_records: int) -> None:
        self._requests: deque[RecordedRequest] = deque(maxlen=max_records)
        self._counts: Counter[tuple[Operation, Outcome]] = Counter()

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(tuple(self._requests))

    def open(self, recorded: RecordedRequest) -> RecordedRequest:
        """Put a request on record at its arrival."""
        self._requests.append(recorded)
        return recorded

    def settle(self, recorded: RecordedRequest, outcome: Outcome) -> None:
        """Say what became of a request, and count it once."""
        if recorded.outcome is Outcome.OPEN:
            recorded.outcome = outcome
            self._counts[recorded.operation, outcome] += 1

    def count(self, operation: Operation, outcome: Outcome | None = None) -> int:
        """Return how many requests of an operation (with an outcome) were settled."""
        return sum(
            number
            for (one, result), number in self._counts.items()
            if one is operation and outcome in {None, result}
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """The number of settled requests by operation and outcome."""
        table: dict[str, dict[str, int]] = {}
        for (operation, outcome), number in self._counts.items():
            table.setdefault(operation, {})[outcome] = number
        return table

    def clear(self) -> None:
        self._requests.clear()
        self._counts.clear()
