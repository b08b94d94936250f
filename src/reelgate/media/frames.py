"""Decodes the first frame. The only module that loads FFmpeg: see `probe`."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import ColorRange, Colorspace

from reelgate.errors import UpstreamBadResponse
from reelgate.media.probe import Probe

THUMBNAIL_SIDE_PX = 640
# At 720p the least effort takes 2 ms and 5 kB, the usual one 10 ms and 4 kB.
_WEBP = {"quality": "80", "compression_level": "0"}


def look(path: Path) -> Probe:
    """What the file holds, with its first frame as a thumbnail.

    Raises:
        UpstreamBadResponse: it holds no picture that can be decoded.
    """
    try:
        # The format is fixed because FFmpeg's other readers include playlists that open whatever
        # they name; without it the upstream could make the gateway read local files.
        with av.open(path, "r", format="mp4") as container:
            return _look(container)
    except av.FFmpegError as exc:
        raise _broken() from exc


def _look(container: av.container.InputContainer) -> Probe:
    if not container.streams.video:
        raise _broken()
    stream = container.streams.video[0]
    # One thread: decoding one frame with several costs a frame's memory for each.
    stream.thread_count = 1
    frame = next(container.decode(stream), None)
    if frame is None:
        raise _broken()
    return Probe(
        duration_s=None if container.duration is None else container.duration / av.time_base,
        width=frame.width,
        height=frame.height,
        codec=stream.codec.canonical_name,
        thumbnail=_webp(frame),
    )


def _webp(frame: av.VideoFrame) -> bytes:
    shrink = min(1.0, THUMBNAIL_SIDE_PX / max(frame.width, frame.height))
    width, height = (max(1, round(side * shrink)) for side in (frame.width, frame.height))
    # WebP knows one colour space (RFC 9649, section 2.5): BT.601 in the narrow range.
    small = frame.reformat(
        width,
        height,
        format="yuv420p",
        interpolation="AREA",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    encoder = av.VideoCodecContext.create("libwebp", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1)
    encoder.options = _WEBP
    return b"".join(bytes(packet) for packet in encoder.encode(small))


def _broken() -> UpstreamBadResponse:
    message = "The upstream's file has no picture that can be decoded."
    return UpstreamBadResponse(message)
