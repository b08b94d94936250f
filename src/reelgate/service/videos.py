"""The use cases: what a caller can ask of the gateway, whatever way it came in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace

import structlog
from structlog.contextvars import bind_contextvars

from reelgate.cache import Cache
from reelgate.clock import Clock
from reelgate.db.admission import Admission, AdmissionOptions, AdmissionResult
from reelgate.db.changes import Changes, Subscription
from reelgate.db.video_page import Page
from reelgate.db.videos import LostRace, Videos
from reelgate.domain.catalog import Catalog
from reelgate.domain.quota import Quota
from reelgate.domain.video import (
    Caller,
    Failure,
    RequestWarning,
    State,
    Timeline,
    Video,
    VideoRequest,
    is_video_id,
    new_video_id,
)
from reelgate.errors import (
    Cancelled,
    InvalidRequest,
    Overloaded,
    ShuttingDown,
    UpstreamError,
    VideoExpired,
    VideoNotFound,
    brief,
)
from reelgate.jobs.engine import Engine
from reelgate.media.keeper import Keeper
from reelgate.providers.base import Provider
from reelgate.providers.registry import video_url
from reelgate.service.estimates import Estimates
from reelgate.telemetry.telemetry import Telemetry
from reelgate.telemetry.traceparent import current

COUNT_TTL_S = 1.0
"""How long a count is used: counting every row for each new video would cost too much."""
OVERLOADED_RETRY_AFTER_S = 30.0


class Load:
    """The number of unfinished videos: counted at most once a second, estimated in between."""

    def __init__(self, videos: Videos, clock: Clock, limit: int) -> None:
        """`limit`: how many unfinished videos there may be."""
        self._videos = videos
        self._limit = limit
        self._count = 0
        self._counted: Cache[None, None] = Cache(COUNT_TTL_S, clock, serves_stale=True)

    async def check(self) -> None:
        """Count one more in.

        Raises:
            Overloaded: there are too many.
        """
        if (full := await self.full()) is not None:
            raise Overloaded(full, retry_after_s=OVERLOADED_RETRY_AFTER_S)
        self._count += 1

    async def full(self) -> str | None:
        """Why no more work is taken; None if it is.

        Raises:
            StorageFailed: the database cannot be used.
        """
        await self._counted.get(None, self._recount)
        if self._count < self._limit:
            return None
        return f"the gateway has {self._limit} unfinished videos, as many as it takes"

    async def _recount(self) -> None:
        self._count = await self._videos.count_open()


log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVideo:
    """A video to create."""

    request: VideoRequest
    owner: str
    caller: Caller = Caller.NONE
    metadata: Mapping[str, str] = field(default_factory=dict)
    remixed_from: str | None = None
    webhook_url: str | None = None
    warnings: tuple[RequestWarning, ...] = ()


class Service:
    """The use cases of videos."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        videos: Videos,
        admission: Admission,
        changes: Changes,
        engine: Engine,
        providers: Mapping[str, Provider],
        keeper: Keeper | None,
        estimates: Estimates,
        load: Load,
        recheck: Callable[[Video], Awaitable[Video]],
        clock: Clock,
        adopt_window_s: float,
        telemetry: Telemetry,
    ) -> None:
        self.catalog = catalog
        self._videos = videos
        self._admission = admission
        self._changes = changes
        self._engine = engine
        self._providers = providers
        self._keeper = keeper
        self.estimates = estimates
        self._load = load
        self._recheck = recheck
        self._clock = clock
        self._adopt_window_s = adopt_window_s
        self._telemetry = telemetry
        self._closing = asyncio.Event()
        self._callers_released = asyncio.Event()
        self._waiting_callers: Counter[str] = Counter()

    async def create(
        self, new_video: NewVideo, options: AdmissionOptions
    ) -> tuple[Video, AdmissionResult]:
        """Create a durable job for this request, or find the one that it already has.

        A caller who is cancelled meanwhile leaves a job that is carried, or none.

        Raises:
            ShuttingDown: the gateway takes no more work.
            IdempotencyMismatch: its Idempotency-Key belongs to another request.
            RateLimited: its owner has as many unfinished videos, or has spent as much, as it may.
            ModelNotAllowed, PriceRefused: its owner may not have it, whatever it has spent.
            Overloaded: the gateway has as much work as it can take.
            StorageFailed: the row could not be written, so nothing was submitted.
        """
        if self._closing.is_set():
            raise ShuttingDown(retry_after_s=5)
        await self._load.check()
        video, quota = await self._video_of(new_video)
        video, result = await asyncio.shield(self._admit(video, options, quota))
        # Here for the request's own lines, and there for the job's.
        bind_contextvars(video=video.id)
        return video, result

    async def _admit(
        self, video: Video, options: AdmissionOptions, quota: Quota
    ) -> tuple[Video, AdmissionResult]:
        video, result = await self._admission.admit(video, options, quota)
        bind_contextvars(video=video.id)
        if result is AdmissionResult.NEW:
            self._telemetry.created(video)
            await self._engine.enqueue(video)
        return video, result

    def admission_options(
        self,
        *,
        idempotency_key: str | None = None,
        retry: int = 0,
        max_age_s: float | None = None,
        adopts: bool = False,
    ) -> AdmissionOptions:
        """The admission options of a request made now; `adopts`: it may adopt an abandoned job."""
        now = self._clock.now()
        adopt_since = now - self._adopt_window_s if adopts else None
        return AdmissionOptions(now, idempotency_key, retry, max_age_s, adopt_since)

    async def _video_of(self, new_video: NewVideo) -> tuple[Video, Quota]:
        """The job, and what its owner may have."""
        owner, asked = new_video.owner, new_video.request
        request, route = await self.estimates.routed(asked, owner)
        quote, quota = await self.estimates.terms(request, owner, asked.model)
        video = Video(
            id=new_video_id(),
            owner=owner,
            request=request,
            route=route,
            estimate=quote.price,
            provider=self.catalog.find(request.model).provider,
            timeline=Timeline(created_at=self._clock.now()),
            caller=new_video.caller,
            metadata=new_video.metadata,
            remixed_from=new_video.remixed_from,
            webhook_url=new_video.webhook_url,
            warnings=new_video.warnings,
            traceparent=caller.header if (caller := current.get()) else None,
        )
        return video, quota

    async def find(self, video_id: str, owner: str | None) -> Video:
        """One of the owner's videos; of everybody's where that is None.

        Raises:
            VideoNotFound: there is none, or it belongs to somebody else.
        """
        return await self._find_owned(video_id, owner, "video_id")

    @property
    def providers(self) -> Iterable[Provider]:
        """Those that make videos here."""
        return self._providers.values()

    async def page(self, page: Page) -> list[Video]:
        """One page of videos.

        Raises:
            VideoNotFound: the cursor is neither a video's id nor one of these videos.
        """
        # Ids sort by age, so that a deleted video's id still works as a cursor.
        if page.after is not None and not is_video_id(page.after):
            await self._find_owned(page.after, page.owner, "after")
        return await self._videos.page(page)

    async def cancel(self, video_id: str, owner: str) -> Video:
        """Cancel a job, and the upstream's work where that is possible; no change once it is over.

        A caller who goes away meanwhile stops neither half of it.

        Raises:
            VideoNotFound: there is none, or it belongs to somebody else.
        """
        return await asyncio.shield(self._cancel(video_id, owner))

    async def _cancel(self, video_id: str, owner: str) -> Video:
        while True:
            video = await self.find(video_id, owner)
            if video.is_over:
                return video
            with suppress(LostRace):
                cancelled = await self._mark_cancelled(video)
                await self._cancel_upstream(cancelled)
                return cancelled

    async def reconcile(self, video_id: str, owner: str) -> Video:
        """Look at once whether a failed video was made after all; no change to any other.

        Raises:
            VideoNotFound: there is none, or it belongs to somebody else.
            StorageFailed: the database cannot be used.
        """
        video = await self.find(video_id, owner)
        return await self._recheck(video) if video.may_be_corrected else video

    async def delete(self, video_id: str, owner: str) -> None:
        """Delete a video and its files; an unfinished one is cancelled first.

        Raises:
            VideoNotFound: there is none, or it belongs to somebody else.
            StorageFailed: its files could not be removed, so its row stays as well.
        """
        video = await self.cancel(video_id, owner)
        if video.file is not None and self._keeper is not None:
            await self._keeper.forget(video.file)
        await self._videos.delete(video.id)

    async def _mark_cancelled(self, video: Video) -> Video:
        timeline = replace(video.timeline, completed_at=self._clock.now())
        failure = Failure(Cancelled.code, str(Cancelled()))
        return await self._videos.move(video, State.FAILED, failure=failure, timeline=timeline)

    async def _cancel_upstream(self, video: Video) -> None:
        provider = self._providers.get(video.provider)
        if provider is None or video.provider_id is None:
            return
        try:
            await provider.cancel(video.provider_id)
        except UpstreamError as error:
            log.warning("cancel_failed", video=video.id, error=error.message)

    async def _find_owned(self, video_id: str, owner: str | None, param: str) -> Video:
        video = await self._videos.find(video_id)
        if video is None or owner not in {None, video.owner}:
            message = f"video {brief(video_id)} does not exist"
            raise VideoNotFound(message, param=param)
        return video

    async def wait(
        self, video_id: str, timeout_s: float, disconnect: asyncio.Future[None]
    ) -> Video:
        """The video once it is over, or as it is at the timeout, at shutdown or at `disconnect`."""
        clock = asyncio.get_running_loop().time
        ends_at_s = clock() + timeout_s
        with self._changes.subscribe(video_id) as subscription, subscription.woken_by(disconnect):
            video = await self._videos.find(video_id)
            if video is None:
                raise VideoNotFound
            while not (video.is_over or disconnect.done() or self._callers_released.is_set()):
                left_s = ends_at_s - clock()
                if left_s <= 0:
                    break
                video = await subscription.next_within(left_s) or video
            return video

    async def pushed(self, video_id: str, marker: str) -> None:
        """Let a job be polled now: whoever knows its submit's marker says that it has changed.

        Raises:
            StorageFailed: the database cannot be used.
        """
        if await self._videos.note_push(video_id, marker, self._clock.now()):
            log.info("pushed", video=video_id)

    def remix_request(self, video: Video, prompt: str) -> VideoRequest:
        """The same request with another prompt.

        Raises:
            InvalidRequest: the prompt is empty or too long.
        """
        problem = self.catalog.check_prompt(video.request.model, prompt)
        if problem is not None:
            raise InvalidRequest(problems=(problem,))
        model = self.catalog.name_at(video.provider, video.provider_request.model)
        return replace(video.request, prompt=prompt, model=model or video.request.model)

    def subscribe(self, video_id: str) -> AbstractContextManager[Subscription]:
        return self._changes.subscribe(video_id)

    def now(self) -> float:
        """Unix time in seconds."""
        return self._clock.now()

    @property
    def is_closing(self) -> bool:
        """Whether the gateway takes no more work."""
        return self._closing.is_set()

    @property
    def has_released_callers(self) -> bool:
        """Whether waiting callers are answered now, whatever their video's state."""
        return self._callers_released.is_set()

    def close(self) -> None:
        """Take no more work; callers who wait may go on waiting."""
        self._closing.set()
        self._changes.wake_all()

    def release_callers(self) -> None:
        """Answer every waiting caller now."""
        self.close()
        self._callers_released.set()
        self._changes.wake_all()

    async def count_open(self) -> int:
        return await self._videos.count_open()

    @contextmanager
    def waiting_caller(self, video_id: str) -> Iterator[None]:
        """Count a blocking caller of a video; several may share one by their Idempotency-Key.

        Only callers of this process are counted: if others wait at another one, the job can be
        adopted once the last one here has disconnected, until one of them has its response.
        """
        self._waiting_callers[video_id] += 1
        try:
            yield
        finally:
            self._waiting_callers[video_id] -= 1
            if not self._waiting_callers[video_id]:
                del self._waiting_callers[video_id]

    async def caller_disconnected(self, video_id: str) -> None:
        """A blocking caller got no response: if it was the last, the job may be adopted."""
        if self._waiting_callers[video_id] > 1:
            return
        await self._videos.transfer(video_id, Caller.WAITING, Caller.GONE)

    async def caller_answered(self, video_id: str) -> None:
        """The blocking caller has its response: the job can no longer be adopted."""
        for was in (Caller.WAITING, Caller.GONE):
            if await self._videos.transfer(video_id, was, Caller.ANSWERED):
                return

    async def failure_told(self, video_id: str) -> None:
        """Who asked for a job, and follows it by its id, knows that it failed."""
        await self._videos.transfer(video_id, Caller.NONE, Caller.ANSWERED)

    def provider_of(self, video: Video) -> Provider:
        """The provider that made a video.

        Raises:
            VideoExpired: this gateway is no longer configured for it.
        """
        provider = self._providers.get(video.provider)
        if provider is None:
            message = f"this gateway has no account at {video.provider} any more"
            raise VideoExpired(message)
        return provider

    def video_url(self, video: Video) -> str | None:
        """The public address of the finished video; None before the upstream has accepted it."""
        return video_url(video, self._providers)
