"""Is a file a video? Its first frame tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video file holds.

    `duration_s` is None where the file does not tell it; `codec` is FFmpeg's name (`h264`);
    `thumbnail` is the first frame as WebP, its longer side at most 640 pixels.
    """

    duration_s: float | None
    width: int
    height: int
    codec: str
    thumbnail: bytes = field(repr=False)


def probe(path: Path) -> Probe:
    """Look into an MP4 file; it takes milliseconds of a processor, so not on the event loop.

    FFmpeg takes 17 MB and nearly 0.1 s to load. A gateway that has not finished a video yet does
    without it, so it is loaded here and nowhere else.

    Raises:
        UpstreamBadResponse: it holds no picture that can be decoded.
    """
    found: Probe = import_module("reelgate.media.frames").look(path)
    return found
