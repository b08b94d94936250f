"""What a worker carries videos with, without a gateway around it."""

from __future__ import annotations

from typing import cast

from reelgate.clock import Clock, SystemClock
from reelgate.providers.base import Provider
from reelgate.store.account import OwnAccount
from reelgate.store.changes import Changes
from reelgate.store.database import Database
from reelgate.store.durations import Durations
from reelgate.store.videos import Videos
from reelgate.worker import Limits, Tools, Upstream
from reelgate.worker.laws import Laws
from reelgate.worker.looks import Looks
from reelgate.worker.turnstile import Turnstile


def tools_on(
    database: Database,
    provider: object,
    changes: Changes,
    *,
    lease_s: float = 0.0,
    clock: Clock | None = None,
) -> Tools:
    """Tools for one upstream; `provider` needs only the methods that the test comes to."""
    clock = clock or SystemClock()
    account = OwnAccount(database)
    looks = Looks(account, clock, 1.0)
    return Tools(
        videos=Videos(database, changes),
        laws=Laws(Durations(database), clock, {"imagine": looks}),
        providers={"imagine": cast("Provider", provider)},
        keeper=None,
        clock=clock,
        limits=Limits(submit_lease_s=lease_s),
        upstreams={"imagine": Upstream(account, Turnstile(), looks)},
    )
