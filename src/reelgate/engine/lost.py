"""Unfinished videos that nobody would ever carry."""

from __future__ import annotations

import itertools

import asyncpg
import structlog

from reelgate.engine.dispatch import Dispatch

log = structlog.get_logger()

BEATS_PER_SEARCH = 15
LOST = """
    SELECT id FROM videos
    WHERE state NOT IN ('completed', 'failed') AND provider = ANY($1::text[]) AND NOT EXISTS (
        SELECT FROM pgqueuer WHERE dedupe_key = videos.id AND status IN ('queued', 'picked')
    )
"""
FORGET_LOG = "DELETE FROM pgqueuer_log WHERE created < now() - interval '1 day'"
"""PgQueuer notes every step of every job and never forgets one."""


class LostJobs:
    """Puts unfinished videos back that have no place in the queue.

    A row and its place are made in one transaction, so this finds what an unlikely chain of
    events has torn apart, and what an earlier database held.
    """

    def __init__(self, dispatch: Dispatch, providers: list[str]) -> None:
        self._dispatch = dispatch
        self._providers = providers
        self._beats = itertools.count(1)

    async def find_now_and_then(self, connection: asyncpg.Connection) -> None:
        """Look at every so manieth beat."""
        if next(self._beats) % BEATS_PER_SEARCH == 0:
            await self.find(connection)

    async def find(self, connection: asyncpg.Connection) -> None:
        """Look now."""
        lost = [row["id"] for row in await connection.fetch(LOST, self._providers)]
        if lost:
            log.warning("lost_jobs_found", count=len(lost))
            await self._dispatch.put_back(*lost)
        await connection.execute(FORGET_LOG)
