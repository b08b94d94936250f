"""Shows how far a video is: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from reelgate.cli.client import RemoteVideo
from reelgate.cli.console import people, say

LINE_EVERY_S = 3.0
"""Plain lines come no closer together than this, whatever changes."""
MINUTE_S = 60

WORDS = {"queued": "waiting", "in_progress": "rendering"}


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is: what happens now, percent done, seconds left where somebody can say."""

    label: str
    percent: int
    left_s: float | None = None

    def __str__(self) -> str:
        left = f", {left_text(self.left_s)}" if self.left_s is not None else ""
        return f"{self.label} {self.percent} %{left}"


class Show(Protocol):
    """Something that shows steps."""

    def update(self, step: Step) -> None: ...


def step_of(video: RemoteVideo) -> Step:
    return Step(WORDS.get(video.status, video.status), video.progress, video.eta_s)


def left_text(left_s: float) -> str:
    """A time left, as people say it."""
    whole_s = max(1, math.ceil(left_s))
    minutes, seconds = divmod(whole_s, MINUTE_S)
    return f"about {minutes} min {seconds} s left" if minutes else f"about {seconds} s left"


class Lines:
    """Plain lines: one for a change, and never more than one every few seconds."""

    def __init__(
        self,
        write: Callable[[str], None] = say,
        now: Callable[[], float] = time.monotonic,
        every_s: float = LINE_EVERY_S,
    ) -> None:
        self._write = write
        self._now = now
        self._every_s = every_s
        self._last: Step | None = None
        self._next_at = -math.inf

    def update(self, step: Step) -> None:
        if self._now() < self._next_at or not has_changed(self._last, step):
            return
        self._write(str(step))
        self._last = step
        self._next_at = self._now() + self._every_s


def has_changed(last: Step | None, step: Step) -> bool:
    """Whether a step says something new; a time left that merely runs down does not."""
    return last is None or (last.label, last.percent) != (step.label, step.percent)


class Bar:
    """A bar that is drawn again in place."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def update(self, step: Step) -> None:
        left = "" if step.left_s is None else left_text(step.left_s)
        self._progress.update(self._task, completed=step.percent, description=step.label, left=left)


@contextmanager
def showing() -> Iterator[Show]:
    """What fits standard error: a bar on a terminal that can draw one, else lines."""
    if not sys.stderr.isatty() or people.is_dumb_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description:<11}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=people, transient=True) as progress:
        yield Bar(progress, progress.add_task("waiting", total=100, left=""))
