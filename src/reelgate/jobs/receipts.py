"""What the upstream accepted and the database does not know yet, in files beside it.

A submit is paid for once it is accepted. While the database is away only this process knows the
upstream's id, and a process may be stopped or killed: what it knows outlives it here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from reelgate.db.rows import to_money
from reelgate.db.videos import LostRace, Videos
from reelgate.domain.video import State, Video
from reelgate.errors import DatabaseAway
from reelgate.providers.base import Submission

log = structlog.get_logger()

FILE_MODE = 0o600
TRIES = 5
"""How often a video is read again that others move at the same time."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """An accepted submit; `attempts` tells which of the video's it was."""

    video_id: str
    attempts: int
    provider_id: str
    batch_id: str
    cost: int | None
    submitted_at: float
    unit: str | None = None
    """What `cost` counts; earlier versions wrote of credits only, and named none."""


class Receipts:
    """A folder with a file for each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, video: Video, submission: Submission, submitted_at: float) -> None:
        """Write one down; it survives a loss of power. A disk that fails is told to the log."""
        receipt = Receipt(
            video.id,
            video.attempts,
            submission.provider_id,
            submission.batch_id,
            None if submission.cost is None else submission.cost.amount,
            submitted_at,
            None if submission.cost is None else submission.cost.unit.value,
        )
        path = self._path(video.id)
        partial = path.with_suffix(".new")
        try:
            # Only the folder itself: where the one above is gone, nobody would look.
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT, FILE_MODE), "w") as file:
                file.write(json.dumps(asdict(receipt)))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            log.error(  # noqa: TRY400
                "receipt_not_kept",
                video=video.id,
                provider_id=submission.provider_id,
                error=error.strerror,
            )

    def drop(self, video_id: str) -> None:
        """The database knows it, or nobody needs it; it need not be there."""
        try:
            self._path(video_id).unlink(missing_ok=True)
        except OSError as error:
            log.warning("receipt_not_removed", video=video_id, error=error.strerror)

    def kept(self) -> Iterator[Receipt]:
        """Every one that an earlier process has left behind."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                yield Receipt(**json.loads(path.read_text()))
            except (OSError, ValueError, TypeError) as error:
                log.warning("receipt_unreadable", file=path.name, error=str(error))

    def _path(self, video_id: str) -> Path:
        return self._folder / f"{video_id}.json"


async def redeem(receipts: Receipts, videos: Videos) -> None:
    """Tell the database what an earlier process could not tell it.

    Raises:
        StorageFailed: the database cannot be used; the receipts stay.
    """
    for receipt in receipts.kept():
        if not await tell(receipt, videos):
            # For whoever must look it up there: it may have been paid for.
            log.error("receipt_of_no_use", video=receipt.video_id, provider_id=receipt.provider_id)
        receipts.drop(receipt.video_id)


async def tell(receipt: Receipt, videos: Videos) -> bool:
    """Move the video on to where its submit has brought it; whether the database knows it now."""
    for _ in range(TRIES):
        video = await videos.find(receipt.video_id)
        if video is None or video.provider_id == receipt.provider_id:
            return video is not None
        waits = video.state is State.SUBMITTING or video.is_lost
        if not waits or video.attempts != receipt.attempts:
            return False
        try:
            await accept(video, receipt, videos)
        except LostRace:
            continue
        log.info("receipt_redeemed", video=video.id, provider_id=receipt.provider_id)
        return True
    return False


async def accept(video: Video, receipt: Receipt, videos: Videos) -> None:
    """Move the video on; without what cannot be written, if need be.

    Raises:
        LostRace: somebody else has moved it.
        StorageFailed: the database cannot be used.
    """
    timeline = replace(video.timeline, submitted_at=receipt.submitted_at, completed_at=None)
    move = partial(
        videos.move,
        video,
        State.RENDERING,
        provider_id=receipt.provider_id,
        timeline=timeline,
        failure=None,
        recheck_at=None,
        corrects=video.correction(),
    )
    try:
        await move(batch_id=receipt.batch_id, cost=to_money(receipt.cost, receipt.unit))
    except (LostRace, DatabaseAway):
        raise
    except Exception:
        log.exception("receipt_not_storable", video=video.id)
        await move()
