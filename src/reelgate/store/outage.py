"""Times in which the database cannot be used: told to the log once, and once when they are over."""

from __future__ import annotations

import asyncio
import time

import structlog

log = structlog.get_logger()


class Outage:
    """Whether a database is away now; everything that uses the database tells it what it met."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._needs_proof = False
        self._failures = 0
        self._began = asyncio.Event()
        self.reason = ""
        """Why the database cannot be used; empty while it can."""
        self.is_logged = False
        """Whether the log is told: at the start whoever starts the gateway is, once."""

    def __bool__(self) -> bool:
        return self._began_s is not None

    async def began(self) -> None:
        """Wait for it; there is no wait while it lasts."""
        await self._began.wait()

    def failed(self, reason: str, *, needs_proof: bool) -> None:
        """The database could not be used.

        `needs_proof`: the server answers, so that not every success shows that this is over.
        """
        self._failures += 1
        self._needs_proof = needs_proof
        self.reason = reason
        if self._began_s is None:
            self._began_s = time.monotonic()
            self._began.set()
            if self.is_logged:
                log.error("database_away", error=reason)

    def worked(self, *, is_proof: bool = False) -> None:
        """The database could be used."""
        if self._began_s is None or (self._needs_proof and not is_proof):
            return
        lasted_s = round(time.monotonic() - self._began_s, 1)
        if self.is_logged:
            log.warning("database_back", away_s=lasted_s, failures=self._failures)
        self._began_s, self._failures, self.reason = None, 0, ""
        self._began.clear()
