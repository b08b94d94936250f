"""Where the parts of the gateway tell what happens, to be counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from reelgate.domain.video import Video
from reelgate.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Of one gateway process."""

    metrics: Metrics = field(default_factory=Metrics)

    def created(self, video: Video) -> None:
        """A request has made a job."""
        self.metrics.created.add(video.provider, video.request.model)

    def moved(self, before: Video, after: Video) -> None:
        """A job went from one state to another, durably."""
        self.metrics.moved(before, after)

    def polled(self, video: Video, polls: int, unseen_s: float | None) -> None:
        """A job needs no more polls.

        `unseen_s`: how long it may have been ready before it was found so; None where it never was.
        """
        self.metrics.polled(video, polls, unseen_s)
