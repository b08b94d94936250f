"""What every step of a job works with: shared parts, waiting, and how a job ends."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import structlog

from reelgate.clock import TICK_S, Clock
from reelgate.db.changes import Subscription
from reelgate.db.rechecks import Rechecks, sent_at
from reelgate.db.videos import LostRace, Videos
from reelgate.domain.video import Failure, KeptFile, State, Video, VideoRequest
from reelgate.errors import UpstreamError
from reelgate.jobs.distributions import Distributions
from reelgate.jobs.receipts import Receipts
from reelgate.jobs.routing import Choice
from reelgate.limits.account import Account
from reelgate.limits.polls import PollLimiter
from reelgate.limits.submits import SubmitLimiter
from reelgate.media.keeper import Keeper
from reelgate.providers.base import Pictures, Provider
from reelgate.telemetry.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often; seconds."""

    submit_attempts: int = 8
    moderated_again: bool = False
    """Whether a first submit that moderation refused is sent once more."""
    unplayable_files: int = 15
    """So many times a whole file that does not play is fetched: for two minutes, not an hour."""
    job_timeout_s: float = 3600.0
    """For the rendering, and as long again for the fetching of what is ready."""
    retention_s: float | None = None
    submit_lease_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """One upstream account.

    Attributes:
        account: its limits as all processes count them together.
        submit_limiter: whose turn it is to submit, in this process.
        poll_limiter: when this process may poll.
    """

    account: Account
    submit_limiter: SubmitLimiter
    poll_limiter: PollLimiter
    push_base: str = ""
    """Where the upstream may tell that a job has changed; empty: it is told of no such place."""
    unit_s: float = 1.0
    """What counts as a second there: less where a sandbox is quicker."""


LoadReferences = Callable[[VideoRequest], Awaitable[Pictures]]


def nobody_else(_video: Video, _error: UpstreamError) -> Choice | None:
    """Where there are no virtual models."""
    return None


@dataclass(frozen=True, slots=True)
class JobContext:
    """Shared by all jobs of a process; `keeper` is None where files stay upstream."""

    videos: Videos
    rechecks: Rechecks
    distributions: Distributions
    providers: Mapping[str, Provider]
    keeper: Keeper | None
    clock: Clock
    limits: Limits
    upstreams: Mapping[str, Upstream]
    load_references: LoadReferences
    """Gets the references into memory that are kept for a submit."""
    rng: random.Random = field(default_factory=random.Random)
    telemetry: Telemetry = field(default_factory=Telemetry)
    sending: set[str] = field(default_factory=set)
    """The videos whose submit waits for the upstream's answer."""
    lost: dict[str, Failure] = field(default_factory=dict)
    """Why it is not known what became of a submit that this process has made."""
    next_target: Callable[[Video, UpstreamError], Choice | None] = nobody_else
    """Who is asked next for a video of a virtual model that was surely refused."""
    receipts: Receipts | None = None
    """Where an accepted submit is kept while the database does not take it."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to end: what cannot be written down then is given up."""


T = TypeVar("T")

LONG_S = 1.0
"""From here on it does not matter whether a pause takes a little longer."""
ALIGNED_S = 0.02
"""Long pauses end together, at multiples of this."""


def never(_latest: Video) -> bool:
    """No change ends a pause early."""
    return False


class Pause:
    """One job's pauses."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def sleep(
        self, video: Video, seconds: float, *, wakes: Callable[[Video], bool] = never
    ) -> None:
        """Wait this long, or until a change of the video wakes.

        Raises:
            LostRace: somebody else moved the video meanwhile (it was cancelled, or taken over).
        """
        clock = asyncio.get_running_loop().time
        ends_at_s = aligned(clock() + seconds) if seconds >= LONG_S else clock() + seconds
        while True:
            latest = await self._subscription.next_within(ends_at_s - clock())
            if latest is not None and moved_on(video, latest):
                raise LostRace(video.id)
            if ends_at_s - clock() < TICK_S or (latest is not None and wakes(latest)):
                return

    async def until(self, video: Video, entry: Coroutine[Any, Any, T]) -> T:
        """Wait for something to happen, and return what it gives.

        Raises:
            LostRace: somebody else moved the video first; the rest of it is left undone.
        """
        entering = asyncio.create_task(entry)
        try:
            with self._subscription.woken_by(entering):
                while not entering.done():
                    latest = await self._subscription.next()
                    if latest is not None and moved_on(video, latest):
                        break
            if not entering.done():
                raise LostRace(video.id)
            return entering.result()
        finally:
            entering.cancel()
            # So that what was left undone has been tidied up.
            await asyncio.gather(entering, return_exceptions=True)
            # Its error holds this frame. If that held it, both would wait for the collector.
            del entering


def aligned(moment_s: float) -> float:
    """The next moment at which other long pauses end, too.

    Waking up costs a process with ten thousand jobs more than what it does then.
    """
    return math.ceil(moment_s / ALIGNED_S) * ALIGNED_S


def moved_on(known: Video, latest: Video) -> bool:
    """Whether somebody else moved the video; news from before it was claimed are none."""
    if latest.epoch < known.epoch:
        return False
    return stage_of(latest) != stage_of(known)


def stage_of(video: Video) -> tuple[State, int, int]:
    """What every move changes."""
    return video.state, video.epoch, video.attempts


log = structlog.get_logger()


async def fail(
    video: Video,
    failure: Failure,
    context: JobContext,
    *,
    upstream: str = "",
    file: KeptFile | None = None,
) -> Video:
    """End a job without a video; `upstream` is what its provider said, redacted, for the log."""
    now = context.clock.now()
    timeline = replace(video.timeline, completed_at=now)
    failed = replace(video, state=State.FAILED, failure=failure, timeline=timeline)
    gap_s = recheck_gap_s(failed, context)
    failed = await context.videos.move(
        video,
        State.FAILED,
        failure=failure,
        file=file,
        timeline=timeline,
        # What was surely refused is nowhere to be found.
        marker=video.marker if failed.may_be_corrected else "",
        recheck_at=None if gap_s is None else now + gap_s,
    )
    said = {"upstream": upstream} if upstream else {}
    log.warning("video_failed", video=video.id, code=failure.code, message=failure.message, **said)
    return failed


LOST_FOR_S = 3600.0
"""How long a lost submit's job is looked for."""
LATE_FOR_S = 86400.0
"""How long a job that ran out of our time is polled after that."""
LEAST_RECHECK_GAP_S = 30.0
RECHECK_GROWTH = 0.25
"""Each gap is this share of the time since the submit."""


def recheck_gap_s(video: Video, context: JobContext) -> float | None:
    """How long until a failed video is looked at again; None where that does not help any more."""
    age_s = max(0.0, context.clock.now() - sent_at(video))
    limit_s = LOST_FOR_S if video.is_lost else LATE_FOR_S + context.limits.job_timeout_s
    if not video.may_be_corrected or age_s >= limit_s:
        return None
    return max(
        LEAST_RECHECK_GAP_S * context.upstreams[video.provider].unit_s, RECHECK_GROWTH * age_s
    )
