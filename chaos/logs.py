"""What the gateways' own logs tell: who took which video over, and what they met."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from chaos.takeover import Claim

NO_SPACE = "no space left on device"


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
        take_in(logged, log.stem, log.read_text(errors="replace").splitlines())
    return logged


def take_in(logged: Logged, gateway: str, lines: Iterable[str]) -> None:
    """Add what one gateway's log tells."""
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
    """A line of the JSON log; anything else is nothing."""
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
