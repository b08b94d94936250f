"""The law of each kind of job, learned from the durations in the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reelgate.clock import Clock
from reelgate.pacing import Crowd, Law, Pace, Prior, Seen, default_pace
from reelgate.providers.base import Provider
from reelgate.store.durations import Durations
from reelgate.video import Video

FRESH_S = 30.0
"""How long a law is used before the database is asked what other jobs have taught."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A law, how eagerly one job alone looks by it, and when it was learned (monotonic seconds)."""

    law: Law
    pace: Pace
    at_s: float


class Laws:
    """One law for each kind of job, and one crowd of those that wait for each account."""

    def __init__(self, durations: Durations, clock: Clock, *, unit_s: float = 1.0) -> None:
        """`unit_s`: what counts as a second upstream."""
        self._durations = durations
        self._clock = clock
        self._unit_s = unit_s
        self._known: dict[str, Learned] = {}
        self._crowds: dict[str, Crowd] = {}

    async def of(self, video: Video, provider: Provider) -> Law:
        """The law this video's rendering follows; what the provider publishes fills the gaps."""
        return (await self._learned(video, provider)).law

    async def pace(self, video: Video, provider: Provider, budget_per_s: float) -> tuple[Law, Pace]:
        """The same, and how eagerly to look now that so many jobs share this budget of looks."""
        learned = await self._learned(video, provider)
        crowd = self._crowds.get(video.provider)
        if crowd is None:
            return learned.law, learned.pace
        return learned.law, crowd.slowed(learned.pace, budget_per_s)

    @contextmanager
    def waiting(self, video: Video, law: Law) -> Iterator[None]:
        """The video is one of those that wait on its account."""
        crowd = self._crowds.setdefault(video.provider, Crowd())
        crowd.join(law)
        try:
            yield
        finally:
            crowd.leave(law)
            if not crowd.jobs:
                del self._crowds[video.provider]

    async def teach(self, video: Video, seen: Seen) -> None:
        """Remember how long this video took."""
        await self._durations.add(kind_of(video), seen)

    async def _learned(self, video: Video, provider: Provider) -> Learned:
        kind = kind_of(video)
        known, now_s = self._known.get(kind), self._clock.monotonic()
        if known is not None and now_s - known.at_s <= FRESH_S:
            return known
        if known is not None:
            # Of a crowd that finds it stale one learns anew, and the others use what was known.
            self._known[kind] = replace(known, at_s=now_s)
        prior = Prior(*provider.typical_s(video.request))
        law = Law.learn(await self._durations.recent(kind), prior)
        pace = default_pace(law, unit_s=self._unit_s)
        learned = self._known[kind] = Learned(law, pace, now_s)
        return learned


def kind_of(video: Video) -> str:
    """What a video's rendering time depends on."""
    return f"{video.provider}/{video.request.kind}"
