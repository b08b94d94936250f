"""What a worker runs videos with, without a gateway around it."""

from __future__ import annotations

from typing import cast

from reelgate.clock import Clock, SystemClock
from reelgate.db.changes import Changes
from reelgate.db.database import Database
from reelgate.db.durations import Durations
from reelgate.db.rechecks import Rechecks
from reelgate.db.videos import Videos
from reelgate.domain.video import VideoRequest
from reelgate.jobs.context import JobContext, Limits, Upstream
from reelgate.jobs.distributions import Distributions
from reelgate.limits.account import LocalAccount
from reelgate.limits.polls import PollLimiter
from reelgate.limits.submits import SubmitLimiter
from reelgate.providers.base import NO_PICTURES, Pictures, Provider


async def nothing_kept(_request: VideoRequest) -> Pictures:
    return NO_PICTURES


def context_on(
    database: Database,
    provider: object,
    changes: Changes,
    *,
    lease_s: float = 0.0,
    clock: Clock | None = None,
) -> JobContext:
    """Tools for one upstream; `provider` needs only the methods that the test comes to."""
    clock = clock or SystemClock()
    account = LocalAccount(database)
    poll_limiter = PollLimiter(account, clock, 1.0)
    videos = Videos(database, changes)
    return JobContext(
        videos=videos,
        rechecks=Rechecks(database, videos),
        distributions=Distributions(Durations(database), clock, {"imagine": poll_limiter}),
        providers={"imagine": cast("Provider", provider)},
        keeper=None,
        clock=clock,
        limits=Limits(submit_lease_s=lease_s),
        upstreams={"imagine": Upstream(account, SubmitLimiter(), poll_limiter)},
        load_references=nothing_kept,
    )
