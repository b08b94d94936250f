"""What can be done to a cluster, and in which order a run does it."""

from __future__ import annotations

import random
from collections.abc import Collection
from enum import Enum


class Blow(Enum):
    """One kind of blow, in the report's words."""

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
    Blow.KILL_GATEWAY: 60,
    Blow.PAUSE_GATEWAY: 8,
    Blow.END_CONNECTIONS: 6,
    Blow.CRASH_DATABASE: 4,
    Blow.FILL_DATABASE: 3,
    Blow.FILL_STORAGE: 5,
    Blow.REPLACE_STORAGE: 3,
    Blow.FAIL_DOWNLOADS: 5,
    Blow.KILL_UPSTREAM: 5,
    Blow.RESET_UPSTREAM: 6,
    Blow.SLOW_NETWORK: 6,
}


def plan(kills: int, possible: Collection[Blow], rng: random.Random) -> list[Blow]:
    """The blows of a run, with at least so many kills of gateways among them.

    First every possible kind once, in a random order, so that the shortest run meets them all;
    then by weight until the last kill.
    """
    kinds = [blow for blow in Blow if blow in possible]
    blows = rng.sample(kinds, len(kinds))
    while blows.count(Blow.KILL_GATEWAY) < kills:
        blows += rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])
    return blows
