"""The law of each kind of job, learned from the durations in the database."""

from __future__ import annotations

from dataclasses import dataclass

from reelgate.clock import Clock
from reelgate.pacing import Law, Pace, Prior, Seen, default_pace
from reelgate.providers.base import Provider
from reelgate.store.durations import Durations
from reelgate.video import Video

FRESH_S = 30.0
"""How long a law is used before the database is asked what other jobs have taught."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A law, how eagerly to look by it, and when it was learned (monotonic seconds)."""

    law: Law
    pace: Pace
    at_s: float


class Laws:
    """One law for each kind of job, shared by all jobs of that kind."""

    def __init__(
        self, durations: Durations, clock: Clock, *, floor_s: float, ceiling_s: float
    ) -> None:
        self._durations = durations
        self._clock = clock
        self._floor_s = floor_s
        self._ceiling_s = ceiling_s
        self._known: dict[str, Learned] = {}

    async def of(self, video: Video, provider: Provider) -> Learned:
        """The law this video's rendering follows; what the provider publishes fills the gaps."""
        kind = kind_of(video)
        known = self._known.get(kind)
        if known is None or self._clock.monotonic() - known.at_s > FRESH_S:
            prior = Prior(*provider.typical_s(video.request))
            known = self._learn(await self._durations.recent(kind), prior)
            self._known[kind] = known
        return known

    async def teach(self, video: Video, seen: Seen) -> None:
        """Remember how long this video took."""
        await self._durations.add(kind_of(video), seen)

    def _learn(self, jobs: list[Seen], prior: Prior) -> Learned:
        law = Law.learn(jobs, prior)
        pace = default_pace(law, floor_s=self._floor_s, ceiling_s=self._ceiling_s)
        return Learned(law, pace, self._clock.monotonic())


def kind_of(video: Video) -> str:
    """What a video's rendering time depends on."""
    return f"{video.provider}/{video.request.kind}"
