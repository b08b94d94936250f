"""The queue in Postgres, which many processes work through together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

from reelgate.engine.base import Carry
from reelgate.engine.dispatch import Dispatch, Rhythm
from reelgate.engine.driver import PatientDriver
from reelgate.engine.lost import LostJobs
from reelgate.engine.orphans import Orphans, carrier_id
from reelgate.engine.queue import SharedQueue
from reelgate.store.line import Line
from reelgate.store.postgres import Server

RHYTHM = Rhythm(
    # Few, so that a burst spreads over the processes.
    batch=20,
    look_every=timedelta(seconds=2),
    heartbeat_timeout=timedelta(seconds=10),
)
POOL = 3


class SharedDispatch:
    """Opens this process's end of the queue."""

    def __init__(self, server: Server, line: Line, providers: Iterable[str]) -> None:
        """`providers` are those whose videos this process can carry."""
        self._server = server
        self._line = line
        self._providers = list(providers)

    @asynccontextmanager
    async def open(self, carry: Carry) -> AsyncIterator[Dispatch]:
        """A dispatch that works until the context ends; it must have been stopped by then."""
        # Nothing in the queue needs to survive a crash of the server: lost claims and heartbeats
        # time out, lost endings are ended again, lost entries are found by their videos.
        async with self._server.pool(POOL, synchronous_commit="off") as pool:
            driver = PatientDriver(pool, self._line, self._server.outage)
            queue = SharedQueue(driver)
            dispatch = Dispatch(
                carry,
                queue,
                RHYTHM,
                carrier_id(self._server.process),
                forget_only=queue.leave,
                at_pause=driver.end,
            )
            Orphans(queue, self._line)
            lost = LostJobs(dispatch, self._providers)
            self._line.at_connect(lost.find)
            self._line.at_beat(lost.find_now_and_then)
            try:
                yield dispatch
            finally:
                driver.end()
