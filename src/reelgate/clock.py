"""Time, handed in so that a test can move it."""

from __future__ import annotations

import time
from typing import Protocol

CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""An upstream works on while this machine sleeps."""

TICK_S = 0.001
"""Event loops count whole milliseconds: a timer may be early by less, and what is left is none."""


class Clock(Protocol):
    """Wall time for show, monotonic time for measuring; seconds."""

    def now(self) -> float:
        """Unix time. It may jump; nothing waits by it."""
        ...

    def monotonic(self) -> float:
        """Time that only grows; its zero means nothing."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some fixed moment; on Linux the time a machine sleeps counts as well."""
        return time.clock_gettime(CLOCK)
