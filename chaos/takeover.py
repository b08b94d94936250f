"""How long the jobs of a killed process waited for another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """A gateway took a video over at a Unix time."""

    at: float
    gateway: str
    video: str


@dataclass(frozen=True, slots=True)
class Death:
    """A gateway was killed, or stopped for a while, at a Unix time."""

    at: float
    gateway: str


def takeovers_s(
    deaths: Sequence[Death], claims: Iterable[Claim], ends: dict[str, float]
) -> list[float]:
    """For each death, how long each video it carried waited for its next claim, in seconds.

    `ends` tells when a video was over: what was over by then, or ended before anybody claimed it,
    needed nobody.
    """
    by_video: dict[str, list[Claim]] = {}
    for claim in sorted(claims, key=lambda claim: claim.at):
        by_video.setdefault(claim.video, []).append(claim)
    waits = []
    for death in deaths:
        for video, history in by_video.items():
            before = [claim for claim in history if claim.at <= death.at]
            after = [claim for claim in history if claim.at > death.at]
            carried = before and before[-1].gateway == death.gateway
            if carried and ends.get(video, float("inf")) > death.at and after:
                waits.append(after[0].at - death.at)
    return waits
