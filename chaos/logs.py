"""What the gateways' logs say: who took which video over and when, and full disks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

NO_SPACE = "no space left on device"


@dataclass(frozen=True, slots=True)
class Claim:
    """A gateway took a video over at a Unix time."""

    at: float
    gateway: str
    video: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A gateway was killed, or stopped for a while, at a Unix time."""

    at: float
    gateway: str


@dataclass(slots=True)
class Logged:
    """All logs of a run.

    Attributes:
        claims: who took which video, and when.
        ends: when each video was over, Unix time.
        full_disks: how often a video's file met a full disk.
    """

    claims: list[Claim] = field(default_factory=list)
    ends: dict[str, float] = field(default_factory=dict)
    full_disks: int = 0


def read_logs(folder: Path) -> Logged:
    """Read the log of every gateway in a folder."""
    logged = Logged()
    for log in sorted(folder.glob("gateway-*.log")):
        read_log(logged, log.stem, log.read_text(errors="replace").splitlines())
    return logged


def read_log(logged: Logged, gateway: str, lines: Iterable[str]) -> None:
    """Add the entries of one gateway's log."""
    for line in lines:
        entry = parsed(line)
        at = datetime.fromisoformat(entry["timestamp"]).timestamp() if "timestamp" in entry else 0.0
        match entry.get("event"):
            case "claimed":
                logged.claims.append(Claim(at, gateway, entry["video"]))
            case "video_completed" | "video_failed":
                logged.ends[entry["video"]] = at
            case "fetch_failed":
                logged.full_disks += NO_SPACE in entry["error"]
            case _:
                continue


def parsed(line: str) -> dict[str, str]:
    """A line of the JSON log; empty for anything else."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def takeovers_s(
    stops: Sequence[Stop], claims: Iterable[Claim], ends: dict[str, float]
) -> list[float]:
    """For each stop, how long each video it carried waited for its next claim, in seconds.

    `ends` tells when a video was over: what was over by then, or ended before anybody claimed it,
    needed nobody.
    """
    by_video: dict[str, list[Claim]] = {}
    for claim in sorted(claims, key=lambda claim: claim.at):
        by_video.setdefault(claim.video, []).append(claim)
    waits = []
    for stop in stops:
        for video, history in by_video.items():
            before = [claim for claim in history if claim.at <= stop.at]
            after = [claim for claim in history if claim.at > stop.at]
            carried = before and before[-1].gateway == stop.gateway
            if carried and ends.get(video, float("inf")) > stop.at and after:
                waits.append(after[0].at - stop.at)
    return waits
