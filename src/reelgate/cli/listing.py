"""Videos as rows: a table for people, tab-separated lines for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from reelgate.cli.console import printable
from reelgate.cli.exits import CliError, ExitCode
from reelgate.cli.remote import RemoteVideo, read_video

HEADINGS = ("id", "status", "%", "made", "model", "picture", "prompt")


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


def fields_of(video: RemoteVideo) -> tuple[str, ...]:
    """One video's row, under `HEADINGS`."""
    return (
        video.id,
        video.error_code or video.status,
        str(video.progress),
        moment(video.raw.get("created_at")),
        video.text("model"),
        video.frame,
        " ".join(video.text("prompt").split()),
    )


def line_of(video: RemoteVideo) -> str:
    """One video's row for programs."""
    return "\t".join(fields_of(video))


def table_of(videos: Sequence[RemoteVideo]) -> Table:
    """All rows for people."""
    table = Table(box=None, pad_edge=False)
    for heading in HEADINGS:
        is_last = heading == HEADINGS[-1]
        table.add_column(heading, no_wrap=True, overflow="ellipsis" if is_last else "fold")
    for video in videos:
        table.add_row(*(Text(printable(field)) for field in fields_of(video)))
    return table


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
        "cost": str(video.ours.get("cost") or ""),
        "plays at": str(video.ours.get("video_url") or ""),
    }
    return {name: value for name, value in details.items() if value}


def moment(unix_s: object) -> str:
    """A time as this machine's clock shows it, empty where there is none."""
    if not isinstance(unix_s, int | float) or isinstance(unix_s, bool):
        return ""
    return datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M:%S")
