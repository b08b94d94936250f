"""How long the jobs of a killed process waited for another one, read from the gateways' logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


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


def read_log(gateway: str, log: Path) -> tuple[list[Claim], dict[str, float]]:
    """A gateway's claims, and when it saw videos end."""
    claims: list[Claim] = []
    ends: dict[str, float] = {}
    for line in log.read_text(errors="replace").splitlines():
        entry = parsed(line)
        at = datetime.fromisoformat(entry["timestamp"]).timestamp() if "timestamp" in entry else 0.0
        match entry.get("event"):
            case "claimed":
                claims.append(Claim(at, gateway, entry["video"]))
            case "video_completed" | "video_failed":
                ends[entry["video"]] = at
            case _:
                continue
    return claims, ends


def parsed(line: str) -> dict[str, str]:
    """A line of the JSON log; anything else is nothing."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
