"""Videos as rows: a table for people, tab-separated lines for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len, set_cell_size

from reelgate.cli.client import RemoteVideo, read_video
from reelgate.cli.console import printable
from reelgate.cli.exits import CliError, ExitCode

HEADINGS = ("id", "status", "age", "%", "model", "picture", "prompt")
ALWAYS = ("id", "status", "age")
"""What is shown whole however narrow the terminal is."""
IF_ROOM = ("%", "prompt", "model", "picture")
"""What is shown beside where it fits, the most telling first."""
LEAST_PROMPT_CHARS = 12
GAP = "  "
UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def read_page(page: Mapping[str, Any]) -> list[RemoteVideo]:
    """The videos of a list's page.

    Raises:
        CliError: what the gateway sent is no such list.
    """
    try:
        return [read_video(each) for each in page["data"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = "the gateway sent something that is no list of videos"
        raise CliError(message, ExitCode.GATEWAY, code="not_a_gateway") from error


def line_of(video: RemoteVideo) -> str:
    """One video's row for programs: id, status, %, when it was made, model, picture, prompt."""
    fields = (
        video.id,
        ending_of(video),
        str(video.progress),
        moment(video.raw.get("created_at")),
        video.text("model"),
        video.frame,
        prompt_of(video),
    )
    return "\t".join(fields)


def table_of(videos: Sequence[RemoteVideo], *, width: int, now: float) -> list[str]:
    """Lines for people, with as many columns as fit a terminal of this width.

    What must not be cut goes on in the terminal's next line if need be: a table of Rich's takes
    from each column what it lacks, down to nothing and without a sign.
    """
    rows = [dict(zip(HEADINGS, HEADINGS, strict=True)), *(cells_of(each, now) for each in videos)]
    widths = {name: max(cell_len(row[name]) for row in rows) for name in HEADINGS}
    shown = fitting(widths, width)
    taken = sum(widths[name] + len(GAP) for name in shown if name != "prompt")
    widths["prompt"] = min(widths["prompt"], max(width - taken, LEAST_PROMPT_CHARS))
    return [GAP.join(fitted(row[name], widths[name]) for name in shown).rstrip() for row in rows]


def fitting(widths: Mapping[str, int], width: int) -> list[str]:
    """The columns that fit."""
    least = dict(widths) | {"prompt": min(widths["prompt"], LEAST_PROMPT_CHARS)}
    shown = set(ALWAYS)
    left = width - sum(least[name] + len(GAP) for name in ALWAYS) + len(GAP)
    for name in IF_ROOM:
        left -= least[name] + len(GAP)
        if left < 0:
            break
        shown.add(name)
    return [name for name in HEADINGS if name in shown]


def fitted(cell: str, width: int) -> str:
    """The cell in exactly this many columns of the terminal."""
    if cell_len(cell) > width:
        return set_cell_size(cell, width - 1) + "…"
    return set_cell_size(cell, width)


def cells_of(video: RemoteVideo, now: float) -> dict[str, str]:
    """One video's row, under `HEADINGS`."""
    cells = (
        video.id,
        ending_of(video),
        age_of(video, now),
        str(video.progress),
        video.text("model"),
        video.frame,
        prompt_of(video),
    )
    return dict(zip(HEADINGS, map(printable, cells), strict=True))


def ending_of(video: RemoteVideo) -> str:
    """How it stands, or why it failed."""
    return video.error_code or video.status


def prompt_of(video: RemoteVideo) -> str:
    return " ".join(video.text("prompt").split())


def age_of(video: RemoteVideo, now: float) -> str:
    """How long ago it was made, in one unit; empty where that is not told."""
    made = video.raw.get("created_at")
    if not isinstance(made, int | float) or isinstance(made, bool):
        return ""
    age_s = max(0, int(now - made))
    for unit_s, name in UNITS:
        if age_s >= unit_s:
            return f"{age_s // unit_s} {name}"
    return f"{age_s} s"


def details_of(video: RemoteVideo) -> dict[str, str]:
    """Everything worth knowing of one video."""
    error = f"{video.error_code}: {video.error_message}" if video.error_code else ""
    details = {
        "id": video.id,
        "status": f"{video.status}, {video.progress} %",
        "error": error,
        "prompt": video.text("prompt"),
        "model": video.text("model"),
        "picture": video.frame,
        "made": moment(video.raw.get("created_at")),
        "finished": moment(video.raw.get("completed_at")),
        "kept until": moment(video.raw.get("expires_at")),
        "provider": str(video.ours.get("provider") or ""),
        "charge": charge_of(video),
        "plays at": str(video.ours.get("video_url") or ""),
    }
    return {name: value for name, value in details.items() if value}


def charge_of(video: RemoteVideo) -> str:
    """Whether it was paid for, with what, and how that is known; empty where that is not told."""
    charge, cost = video.ours.get("charge"), video.ours.get("cost")
    unit = str(video.ours.get("cost_unit") or "")
    told = " ".join(str(part) for part in (charge, cost, unit) if part not in {None, ""})
    why = str(video.ours.get("charge_reason") or "")
    return f"{told} ({why})" if told and why else told


def moment(unix_s: object) -> str:
    """A time as this machine's clock shows it, empty where there is none."""
    if not isinstance(unix_s, int | float) or isinstance(unix_s, bool):
        return ""
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
