"""Deletes what has expired: files, Idempotency-Keys, durations too old to learn from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, dropwhile

import structlog

from reelgate.clock import Clock
from reelgate.db.admission import Admission
from reelgate.db.durations import Durations
from reelgate.db.videos import Videos
from reelgate.errors import DatabaseAway, StorageFailed
from reelgate.images.kept import ReferenceKeeper
from reelgate.media.keeper import Keeper

log = structlog.get_logger()

EVERY_S = 60.0


class Housekeeping:
    """One round a minute."""

    def __init__(
        self,
        videos: Videos,
        admission: Admission,
        durations: Durations,
        keeper: Keeper | None,
        references: ReferenceKeeper,
        clock: Clock,
        *,
        max_age_s: float | None,
        max_total_bytes: int | None,
    ) -> None:
        self._videos = videos
        self._admission = admission
        self._durations = durations
        self._keeper = keeper
        self._references = references
        self._clock = clock
        self._max_age_s = max_age_s
        self._max_total_bytes = max_total_bytes

    async def run(self) -> None:
        """Run a round every minute; what a failed round leaves is done by the next."""
        while True:
            try:
                await self.round()
            except DatabaseAway:
                # The log has it.
                pass
            except StorageFailed as error:
                log.warning("housekeeping_failed", error=error.message)
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Remove what is due now.

        Raises:
            StorageFailed: the database or the storage cannot be used.
        """
        await self._admission.forget_keys(self._clock.now())
        await self._durations.forget()
        await self._references.remove_unused()
        if self._keeper is not None and (self._max_age_s or self._max_total_bytes):
            await self._expire_files(self._keeper)

    async def _expire_files(self, keeper: Keeper) -> None:
        kept = {video.id: video for video in await self._videos.with_file()}
        kept_videos = [
            KeptVideo(video.id, video.file.size_bytes, video.timeline.completed_at or 0.0)
            for video in kept.values()
            if video.file is not None
        ]
        for holding in expired(
            kept_videos,
            self._clock.now(),
            max_age_s=self._max_age_s,
            max_total_bytes=self._max_total_bytes,
        ):
            file = kept[holding.video_id].file
            if file is not None:
                # The row first: a file that is gone must not be promised.
                await self._videos.drop_file(holding.video_id, self._clock.now())
                await keeper.forget(file)
                log.info("file_expired", video=holding.video_id, size_bytes=holding.size_bytes)


@dataclass(frozen=True, slots=True)
class KeptVideo:
    """What one kept video takes, its thumbnail included; `kept_at` in Unix seconds."""

    video_id: str
    size_bytes: int
    kept_at: float


def expired(
    videos: Iterable[KeptVideo],
    now: float,
    *,
    max_age_s: float | None = None,
    max_total_bytes: int | None = None,
) -> tuple[KeptVideo, ...]:
    """The videos that must go, oldest first; None means that there is no such limit.

    A video goes when it is `max_age_s` old. If the rest takes more than `max_total_bytes`, the
    oldest go, and only as many as it needs.
    """
    oldest_first = sorted(videos, key=lambda video: (video.kept_at, video.video_id))
    aged = 0
    if max_age_s is not None:
        aged = sum(now - video.kept_at >= max_age_s for video in oldest_first)
    return tuple(oldest_first[: aged + surplus(oldest_first[aged:], max_total_bytes)])


def surplus(oldest_first: list[KeptVideo], max_total_bytes: int | None) -> int:
    """How many of the oldest must go so that the others fit."""
    if max_total_bytes is None:
        return 0
    # Counted from the newest back: the first one that does not fit goes, and all that are older.
    totals = accumulate(video.size_bytes for video in reversed(oldest_first))
    return sum(1 for _ in dropwhile(lambda total: total <= max_total_bytes, totals))
