"""What the two engines have in common: one inside a process, one that many processes share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from reelgate.video import Video


class HandBack(Exception):
    """The carrier stops before the video is finished: somebody must carry it on.

    `delay_s` is how long to leave it.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        super().__init__(f"carry on in {delay_s} s")
        self.delay_s = delay_s


class TakenOver(Exception):
    """Another process carries the video now, and its place in the queue with it."""


class Carry(Protocol):
    """Carries a video, and returns once there is nothing left to do for it."""

    async def __call__(self, video_id: str, made: Video | None = None, /) -> None:
        """`made`: the video itself where it has just been made, and need not be read.

        Raises:
            HandBack: it is to be carried on later.
            TakenOver: another process carries it.
        """
        ...


class Engine(Protocol):
    """Stands between those who ask for videos and the worker that carries them."""

    async def start(self, unfinished: Iterable[str]) -> None:
        """Start taking work, first of all what an earlier process left behind."""
        ...

    async def enqueue(self, video: Video) -> None:
        """Let a worker carry this video, which has just been made and is durable now."""
        ...

    def pause(self) -> None:
        """Take no more work."""
        ...

    async def stop(self) -> None:
        """Take no more work and return once the worker has let go of what it carries."""
        ...
