"""What the two engines have in common: one inside a process, one that many processes share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class HandBack(Exception):
    """The carrier stops before the video is finished: somebody must carry it on.

    `delay_s` is how long to leave it.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        super().__init__(f"carry on in {delay_s} s")
        self.delay_s = delay_s


class TakenOver(Exception):
    """Another process carries the video now, and its place in the queue with it."""


class Engine(Protocol):
    """Stands between those who ask for videos and the worker that carries them."""

    async def start(self, unfinished: Iterable[str]) -> None:
        """Start taking work, first of all what an earlier process left behind."""
        ...

    async def enqueue(self, *video_ids: str) -> None:
        """Let a worker carry these videos, which are durable now."""
        ...

    def pause(self) -> None:
        """Take no more work."""
        ...

    async def stop(self) -> None:
        """Take no more work and return once the worker has let go of what it carries."""
        ...
