"""Finds the upstream's job of a submit whose answer was lost.

See docs/adr/0022-lost-submits-are-looked-for.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from reelgate.db.rechecks import Claimed, sent_at
from reelgate.domain.video import Failure, Video
from reelgate.errors import UpstreamError
from reelgate.jobs.context import JobContext, Pause, fail
from reelgate.providers.base import Candidate, Match, Reconciler, can_reconcile

log = structlog.get_logger()

SHORTEST_SEARCH_S = 30.0
LONGEST_SEARCH_S = 300.0
"""How long a job stays open while it is looked for, in seconds of the upstream."""
TYPICAL_TIMES = 2.0
"""The list has finished jobs only: so many times the longest usual time is waited for one."""
FIRST_GAP_S = 2.0
GAP_GROWTH = 1.5
LONGEST_GAP_S = 30.0
MOST_NAMED = 5
"""Candidates that a failure names."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """No job in the list is surely the submit's.

    Attributes:
        candidates: the ids of those that may be; None where the list could not be had.
        is_final: the list cannot be had, and waiting does not help.
        wait_s: how long the upstream asks to be left alone.
    """

    candidates: tuple[str, ...] | None = None
    is_final: bool = False
    wait_s: float = 0.0


async def search(video: Video, failure: Failure, context: JobContext, pause: Pause) -> Video:
    """Look for a lost submit's job as long as it usually takes to appear; fail then.

    Raises:
        LostRace: somebody else moved the video meanwhile.
    """
    provider = context.providers[video.provider]
    if not can_reconcile(provider):
        return await fail(video, failure, context)
    clock, unit_s = asyncio.get_running_loop().time, context.upstreams[video.provider].unit_s
    ends_at_s = clock() + search_time_s(video, provider, unit_s)
    gap_s = FIRST_GAP_S * unit_s
    named: tuple[str, ...] = ()
    log.info("submit_lost", video=video.id, code=failure.code)
    while True:
        found = await pause.until(video, look_up_within(ends_at_s - clock(), video, context))
        if isinstance(found, Video):
            return found
        named = named if found.candidates is None else found.candidates
        left_s = ends_at_s - clock()
        if found.is_final or left_s <= 0:
            return await fail(video, with_candidates(failure, named), context)
        await pause.sleep(video, min(max(gap_s, found.wait_s), left_s))
        gap_s = min(gap_s * GAP_GROWTH, LONGEST_GAP_S * unit_s)


def search_time_s(video: Video, provider: Reconciler, unit_s: float) -> float:
    """How long a job stays open while it is looked for."""
    typical_s = provider.typical_s(video.provider_request)
    wanted_s = LONGEST_SEARCH_S * unit_s if typical_s is None else TYPICAL_TIMES * typical_s[1]
    return min(max(wanted_s, SHORTEST_SEARCH_S * unit_s), LONGEST_SEARCH_S * unit_s)


async def look_up_within(left_s: float, video: Video, context: JobContext) -> Video | NotFound:
    """One look into the list that ends with the time for it."""
    try:
        async with asyncio.timeout(max(left_s, context.upstreams[video.provider].unit_s)):
            return await look_up(video, context)
    except TimeoutError:
        return NotFound()


async def look_up(video: Video, context: JobContext) -> Video | NotFound:
    """Look into the upstream's list once, and take up what is surely the video's job.

    Raises:
        LostRace: somebody else moved the video meanwhile.
        StorageFailed: the database cannot be used.
    """
    provider = context.providers[video.provider]
    if not can_reconcile(provider):
        return NotFound(is_final=True)
    try:
        candidates = await provider.reconcile(
            video.provider_request, sent_at(video), marker=video.marker or ""
        )
    except UpstreamError as error:
        log.info("reconcile_failed", video=video.id, error=error.message)
        wait_s = error.retry_after_s or 0.0
        return NotFound(is_final=not error.temporary, wait_s=wait_s)
    listed = [each.submission.provider_id for each in candidates]
    taken = await context.rechecks.taken(video, listed)
    return await take_up(video, unclaimed(candidates, taken), context)


def unclaimed(candidates: Sequence[Candidate], taken: set[str]) -> list[Candidate]:
    """Those that no other video has; where some have the marker they alone count."""
    free = [each for each in candidates if each.submission.provider_id not in taken]
    marked = [each for each in free if each.match is Match.MARKER]
    return marked or free


async def take_up(
    video: Video, candidates: Sequence[Candidate], context: JobContext
) -> Video | NotFound:
    """Go on with the one job that fits; leave more than one alone.

    Raises:
        LostRace: somebody else moved the video meanwhile.
    """
    named = tuple(each.submission.provider_id for each in candidates)
    if len(candidates) != 1 or candidates[0].match is Match.HINT:
        return NotFound(named)
    [candidate] = candidates
    submission, timeline = candidate.submission, video.timeline
    try:
        found = await context.rechecks.claim(
            video,
            submission.provider_id,
            is_marked=candidate.match is Match.MARKER,
            batch_id=submission.batch_id,
            cost=submission.cost,
            timeline=replace(timeline, submitted_at=sent_at(video), completed_at=None),
            failure=None,
            recheck_at=None,
            corrects=video.correction(),
        )
    except Claimed:
        return NotFound(named)
    log.info(
        "submit_found",
        video=video.id,
        provider_id=submission.provider_id,
        match=candidate.match.value,
    )
    return found


def with_candidates(failure: Failure, candidates: Sequence[str]) -> Failure:
    """The failure, with the jobs that may be the submit's."""
    plain = failure.message.partition(CANDIDATES)[0]
    if not candidates:
        return replace(failure, message=plain)
    named = ", ".join(candidates[:MOST_NAMED])
    more = f" and {len(candidates) - MOST_NAMED} more" if len(candidates) > MOST_NAMED else ""
    return replace(failure, message=f"{plain}{CANDIDATES}{named}{more}.")


CANDIDATES = " Its provider's list has what may be it, but not surely: "
