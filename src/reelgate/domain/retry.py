"""Whether and when to try again: decisions only; the runner acts on them."""

from __future__ import annotations

from dataclasses import dataclass

from reelgate.domain.video import Failure
from reelgate.errors import (
    ModerationBlocked,
    ReelgateError,
    SubmissionUnknown,
    UnplayableVideo,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamTimeout,
)

BASE_S = 1.0
CAP_S = 30.0
FETCH_CAP_S = 60.0
FETCH_GAP_S = 8.0
LONGEST_RETRY_AFTER_S = 600.0
"""An upstream that asks for more patience than this is reported instead of waited for."""


MAY_BE_PAID = "The video may be made and paid for all the same."


@dataclass(frozen=True, slots=True)
class SendAgain:
    """The submit was surely refused and waiting helps: send it again after `delay_s`."""

    delay_s: float


def backoff_s(failures: int, draw: float, cap_s: float = CAP_S) -> float:
    """Exponential backoff with half its span in jitter, in seconds.

    `failures` counts from 1; `draw` is uniform on 0-1, handed in so that the decision stays pure.
    Half fixed and half random ("equal jitter") spreads many callers and still never hammers. See
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
    """
    span = min(cap_s, BASE_S * 2.0 ** min(failures - 1, 30))
    return span / 2 + span / 2 * draw


def pause_s(error: UpstreamError, failures: int, draw: float) -> float:
    """How long to leave the upstream alone after an error: its own word, or a backoff.

    A little jitter comes on top of `Retry-After`, or all who were told so come back at once.
    """
    if error.retry_after_s is None:
        return backoff_s(failures, draw)
    return with_jitter(error.retry_after_s, draw)


def with_jitter(retry_after_s: float, draw: float) -> float:
    """A little longer than `Retry-After` asks for."""
    return retry_after_s + min(1.0, 0.1 * retry_after_s) * draw


def after_failed_submit(
    error: UpstreamError, *, attempts: int, limit: int, draw: float, moderated_again: bool = False
) -> SendAgain | Failure:
    """What follows a submit that failed.

    Only a submit that the upstream surely refused is ever sent again.

    Args:
        error: how it failed.
        attempts: how many were made, this one included.
        limit: how many may be made.
        draw: uniform on 0-1.
        moderated_again: whether a first submit that moderation refused is sent once more: some
            vendors' filters decide by chance.
    """
    if not error.surely_refused:
        return unknown_outcome(error)
    patient = (error.retry_after_s or 0.0) <= LONGEST_RETRY_AFTER_S
    by_chance = isinstance(error, ModerationBlocked) and moderated_again and attempts == 1
    if (error.temporary or by_chance) and patient and attempts < limit:
        return SendAgain(pause_s(error, attempts, draw))
    return failure_of(error)


def may_fetch_again(
    error: ReelgateError, *, unplayable: int, limit: int, waited_s: float, patience_s: float
) -> bool:
    """Whether a ready video's file is fetched once more after an error.

    The video has been paid for, so that every trouble is given the same long time: a host that is
    away comes back, a full disk is freed, and a file that is not there yet will be. Only a whole
    file that does not play is counted (`unplayable`), for it is likely to be the same again.
    """
    if isinstance(error, UnplayableVideo) and unplayable >= limit:
        return False
    return waited_s < patience_s


def before_next_fetch_s(
    error: ReelgateError, failures: int, draw: float, *, waited_s: float, left_s: float
) -> float:
    """How long to wait before a ready video's file is fetched again: growing gaps.

    They grow with the time waited as well, so that a caller whose video can be had again waits a
    quarter longer for it, not twice as long. Never shorter than `Retry-After` asks for: a host that
    always asks for one second gets more. Never longer than the time left (`left_s`), so that the
    last try comes at its very end.
    """
    cap_s = min(FETCH_CAP_S, max(FETCH_GAP_S, waited_s / 4))
    wait_s = backoff_s(failures, draw, cap_s)
    if error.retry_after_s is not None:
        wait_s = max(wait_s, with_jitter(error.retry_after_s, draw))
    return min(wait_s, max(0.0, left_s))


def fetch_failure(error: ReelgateError, waited_s: float) -> Failure:
    """Why a video that was ready was not kept after all this time.

    It was made and paid for: the failure must neither say that it was refused nor invite the
    caller to send it again.
    """
    code = UpstreamTimeout.code if is_temporary(error) else error.code
    paid = "The video was made and has been paid for; the upstream may still have it."
    return Failure(code, f"{error.message} This went on for {waited_s:.0f} s. {paid}")


def is_temporary(error: ReelgateError) -> bool:
    """Whether the upstream itself said, or showed, that waiting helps."""
    return isinstance(error, UpstreamError) and error.temporary


def unknown_outcome(error: UpstreamError) -> Failure:
    """The failure of a submit that may have been accepted."""
    if isinstance(error, UpstreamBadResponse):
        return Failure(error.code, f"{error.message} {MAY_BE_PAID}")
    return Failure(SubmissionUnknown.code, f"{error.message} {SubmissionUnknown()}")


def failure_of(error: UpstreamError) -> Failure:
    """An error as the reason a job failed for.

    Where waiting helps and nothing was paid, the caller is told when to come back.
    """
    helps = error.temporary and error.surely_refused
    return Failure(error.code, error.message, (error.retry_after_s or CAP_S) if helps else None)
