"""The kinds of fault, and the order in which a run injects them."""

from __future__ import annotations

import random
from collections.abc import Collection
from enum import Enum


class Fault(Enum):
    """A kind of fault, in the report's words."""

    KILL_GATEWAY = "gateway killed"  # SIGKILL, and up to 2 s until it is started again
    PAUSE_GATEWAY = "gateway paused"  # SIGSTOP for longer than its heartbeat may be late
    END_CONNECTIONS = "database connections ended"  # all of them, as a failover does
    CRASH_DATABASE = "database server crashed"  # SIGKILL of a backend: the server recovers
    FILL_DATABASE = "database's disk full"  # to the last byte: statements fail, then the server
    FILL_STORAGE = "gateways' disk full"  # where videos are kept, to the last byte
    REPLACE_STORAGE = "storage replaced by a file"  # nothing can be kept, nor a gateway started
    FAIL_DOWNLOADS = "downloads refused"  # the upstream's asset host alone, in one of many ways
    KILL_UPSTREAM = "upstream killed"  # SIGKILL of the sandbox
    RESET_UPSTREAM = "upstream connections reset"  # in the middle of whatever they carry
    SLOW_NETWORK = "network slowed"  # up to a second for each piece, to the upstream and back


WEIGHTS = {
    Fault.KILL_GATEWAY: 60,
    Fault.PAUSE_GATEWAY: 8,
    Fault.END_CONNECTIONS: 6,
    Fault.CRASH_DATABASE: 4,
    Fault.FILL_DATABASE: 3,
    Fault.FILL_STORAGE: 5,
    Fault.REPLACE_STORAGE: 3,
    Fault.FAIL_DOWNLOADS: 5,
    Fault.KILL_UPSTREAM: 5,
    Fault.RESET_UPSTREAM: 6,
    Fault.SLOW_NETWORK: 6,
}


def plan(kills: int, possible: Collection[Fault], rng: random.Random) -> list[Fault]:
    """The faults of a run, with at least so many kills of gateways among them.

    First every possible kind once, in a random order, so that the shortest run meets them all;
    then by weight until the last kill.
    """
    kinds = [fault for fault in Fault if fault in possible]
    faults = rng.sample(kinds, len(kinds))
    while faults.count(Fault.KILL_GATEWAY) < kills:
        faults += rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])
    return faults
