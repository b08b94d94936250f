"""Times in which the database cannot be used: told to the log once, and once when they are over."""

from __future__ import annotations

import time

import structlog

log = structlog.get_logger()


class Outage:
    """Whether a database is away now; everything that uses the database tells it what it met."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._writes_only = False
        self._failures = 0
        self.reason = ""
        """Why the database cannot be used; empty while it can."""
        self.is_logged = False
        """Whether the log is told: at the start whoever starts the gateway is, once."""

    def __bool__(self) -> bool:
        return self._began_s is not None

    def failed(self, reason: str, *, writes_only: bool = False) -> None:
        """The database could not be used; `writes_only`: it may still be read."""
        self._failures += 1
        self._writes_only = writes_only
        self.reason = reason
        if self._began_s is None:
            self._began_s = time.monotonic()
            if self.is_logged:
                log.error("database_away", error=reason)

    def worked(self, *, wrote: bool) -> None:
        """The database could be used; a read says nothing where only writes fail."""
        if self._began_s is None or (self._writes_only and not wrote):
            return
        lasted_s = round(time.monotonic() - self._began_s, 1)
        if self.is_logged:
            log.warning("database_back", away_s=lasted_s, failures=self._failures)
        self._began_s, self._failures, self.reason = None, 0, ""
