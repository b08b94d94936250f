"""Tells where a finished video is."""

from __future__ import annotations

from typing import Any

from reelgate.cli.console import put, put_json, say
from reelgate.cli.download import Saved
from reelgate.cli.follow import Ending

MEGABYTE = 1_000_000


def report(ending: Ending, *, as_json: bool) -> None:
    """The file's path, or one JSON object, on standard output; the rest for the person."""
    say(" ".join(["Completed:", *facts(ending)]), "green")
    if ending.is_sandbox:
        say("This is a SANDBOX video, not imagine.art's.", "yellow")
    elif url := ending.video.ours.get("video_url"):
        say(f"It plays at {url}")
    if as_json:
        file = None if ending.saved is None else file_json(ending.saved)
        put_json({**ending.video.raw, "sandbox": ending.is_sandbox, "file": file})
    else:
        put(str(ending.saved.path) if ending.saved else ending.video.id)


def facts(ending: Ending) -> list[str]:
    """What there is to know of the video, in words."""
    if ending.saved is None:
        return [ending.video.frame]
    size = f"({ending.saved.size_bytes / MEGABYTE:.1f} MB)"
    words = [ending.video.frame, size, f"saved as {ending.saved.path}"]
    if ending.saved.path != ending.target:
        words.append("(the name had been taken meanwhile)")
    return words


def file_json(saved: Saved) -> dict[str, Any]:
    """The file, for programs."""
    return {"path": str(saved.path.absolute()), "size_bytes": saved.size_bytes}
