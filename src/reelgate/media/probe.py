"""Is a file a video? Its first frame tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import structlog

from reelgate.errors import ReelgateError
from reelgate.media.boxes import largest_picture_px
from reelgate.media.failures import disk_errors

log = structlog.get_logger()

MAX_PICTURE_PX = 8192 * 4352
"""A little more than 8K. Decoding takes 2 to 8 bytes for each, several times over."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video file holds.

    `duration_s` is None where the file does not tell it; `codec` is FFmpeg's name (`h264`);
    `thumbnail` is the first frame as WebP, its longer side at most 640 pixels; None where the film
    was not decoded, or its picture could not be drawn.
    """

    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    thumbnail: bytes | None = field(repr=False, default=None)


def probe(path: Path) -> Probe:
    """Look into an MP4 file; it takes milliseconds of a processor, so not on the event loop.

    FFmpeg takes 17 MB and nearly 0.1 s to load. A gateway that has not finished a video yet does
    without it, so it is loaded here and nowhere else.

    Only a film that the decoder itself calls broken is refused. Where the trouble is ours (the
    picture is too large for us, or something here fails) the film is kept without a thumbnail: it
    has been paid for.

    Raises:
        UnplayableVideo: it holds no picture that can be decoded.
        StorageFailed: the file cannot be read.
    """
    with disk_errors(), path.open("rb") as file:
        pixels = largest_picture_px(file, path.stat().st_size)
    if pixels > MAX_PICTURE_PX:
        log.warning("film_not_decoded", pixels=pixels, limit=MAX_PICTURE_PX)
        return Probe()
    try:
        found: Probe = import_module("reelgate.media.frames").look(path, MAX_PICTURE_PX)
    except ReelgateError:
        raise
    except Exception:
        log.exception("film_not_decoded")
        return Probe()
    return found
