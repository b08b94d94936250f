"""Where the parts of the gateway tell what happens, to be counted and traced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars
from yarl import URL

from reelgate.domain.video import Video
from reelgate.telemetry.metrics import Metrics
from reelgate.telemetry.traceparent import root_of

if TYPE_CHECKING:
    from reelgate.telemetry.traces import Traces

LOOP_WATCHED_EVERY_S = 1.0


@dataclass(slots=True)
class Attempt:
    """An attempt to deliver a webhook: the headers it is to carry, and the answer's status."""

    headers: Mapping[str, str]
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Of one gateway process; `traces` is None where they are switched off."""

    metrics: Metrics = field(default_factory=Metrics)
    traces: Traces | None = None

    async def watch_loop(self) -> None:
        """Measure, for ever, how late the event loop is: whatever is due waits as long."""
        clock = asyncio.get_running_loop().time
        while True:
            due_s = clock() + LOOP_WATCHED_EVERY_S
            await asyncio.sleep(LOOP_WATCHED_EVERY_S)
            self.metrics.loop_lag.observe(max(0.0, clock() - due_s))

    def created(self, video: Video) -> None:
        """A request has made a job."""
        self.metrics.created_job(video)

    def moved(self, before: Video, after: Video) -> None:
        """A job went from one state to another, durably."""
        self.metrics.moved(before, after)
        if self.traces is not None:
            self.traces.moved(before, after)

    def polled(self, video: Video, polls: int, unseen_s: float | None) -> None:
        """A job needs no more polls.

        `unseen_s`: how long it may have been ready before it was found so; None where it never was.
        """
        self.metrics.polled(video, polls, unseen_s)

    @contextmanager
    def running(self, video: Video) -> Iterator[None]:
        """What is sent and logged meanwhile belongs to this job."""
        if self.traces is None and video.traceparent is None:
            yield
            return
        with bound_contextvars(video=video.id, trace_id=root_of(video)[0]):
            if self.traces is None:
                yield
                return
            with self.traces.running(video):
                yield

    def traceparent_of(self, video: Video) -> str | None:
        """The header for whoever is told of a video: without traces of our own its caller's."""
        return video.traceparent if self.traces is None else self.traces.traceparent(video).header

    @contextmanager
    def delivering(self, event: str, origin: str, traceparent: str | None) -> Iterator[Attempt]:
        """An attempt to deliver a webhook; `traceparent` is what was kept for it."""
        if self.traces is None:
            yield Attempt({"traceparent": traceparent} if traceparent else {})
            return
        span, headers = self.traces.webhook_began(event, URL(origin), traceparent)
        attempt = Attempt(headers)
        try:
            yield attempt
        finally:
            if attempt.status is None:
                self.traces.failed(span, "no_answer")
            else:
                self.traces.answered(span, attempt.status)
