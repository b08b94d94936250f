"""Decodes the first frame. The only module that loads FFmpeg: see `mp4.probe`."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import structlog
from av.video.reformatter import ColorRange, Colorspace

from reelgate.errors import UnplayableVideo
from reelgate.media.disk import unreadable
from reelgate.media.mp4 import Probe
from reelgate.net.open_files import ran_out

log = structlog.get_logger()

_PACKETS_TRIED = 100
_FRAMES_COMPARED = 200
_SAMPLE_PX = 32
_SAME_WITHIN = 16
"""Of 255 levels. Coding moves a still picture by up to 9 (x264 at 100 kbit/s), also more than once;
in the sandbox's clips things move by 75 and more."""
THUMBNAIL_SIDE_PX = 640
# At 720p the least effort takes 2 ms and 5 kB, the usual one 10 ms and 4 kB.
_WEBP = {"quality": "80", "compression_level": "0"}


def decode(path: Path, max_px: int, still_below_s: float = 0.0) -> Probe:
    """What the file holds, with its first frame as a thumbnail.

    Of a video no longer than `still_below_s` it is also told whether its pictures are all the same.

    Raises:
        UnplayableVideo: it holds no picture that can be decoded.
    """
    # The decoder's own bound: a video may describe its pictures as smaller than they are.
    bounds = {"max_pixels": str(max_px)}
    try:
        # The format is fixed because FFmpeg's other readers include playlists that open whatever
        # they name; without it the upstream could make the gateway read local files.
        with av.open(
            path, "r", format="mp4", options=bounds, metadata_errors="replace"
        ) as container:
            return _decode(container, bounds, still_below_s)
    except av.ArgumentError:
        # FFmpeg raises this for a picture beyond the bound, and for no fault of the video itself.
        log.warning("video_not_decoded", reason="its pictures are too large", limit=max_px)
        return Probe()
    except av.MemoryError:
        # Another try would need as much: the video is kept as it is.
        log.warning("video_not_decoded", reason="it needs more memory than there is")
        return Probe()
    except av.FFmpegError as exc:
        if ran_out(exc):
            # The video itself may be sound.
            raise unreadable("the gateway has no room for it just now") from exc
        raise _broken() from exc


def _decode(
    container: av.container.InputContainer, bounds: dict[str, str], still_below_s: float
) -> Probe:
    if not container.streams.video:
        raise _broken()
    stream = container.streams.video[0]
    if getattr(stream, "codec_context", None) is None:
        # The video itself may be sound.
        log.warning("video_not_decoded", reason="its codec is not known here")
        return Probe(duration_s=_duration_s(container))
    stream.codec_context.options = bounds
    # One thread: decoding one frame with several costs a frame's memory for each.
    stream.thread_count = 1
    frame, duration_s = _first_frame(container, stream), _duration_s(container)
    is_short = duration_s is not None and duration_s <= still_below_s
    return Probe(
        duration_s=duration_s,
        is_still=is_short and _is_still(container, stream, frame),
        width=frame.width,
        height=frame.height,
        codec=stream.codec.canonical_name,
        thumbnail=_thumbnail(frame),
    )


def _is_still(
    container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame
) -> bool:
    """Whether every further picture is the first one again, but for what coding makes of it."""
    sample, seen = _sample(first), 0
    try:
        for frame in islice(container.decode(stream), _FRAMES_COMPARED):
            seen += 1
            if any(abs(a - b) > _SAME_WITHIN for a, b in zip(sample, _sample(frame), strict=True)):
                return False
    except av.FFmpegError:
        return False
    return seen > 0


def _sample(frame: av.VideoFrame) -> bytes:
    """The picture in little, in grey."""
    small = frame.reformat(_SAMPLE_PX, _SAMPLE_PX, format="gray", interpolation="AREA", threads=1)
    return bytes(small.planes[0])


def _duration_s(container: av.container.InputContainer) -> float | None:
    return None if container.duration is None else container.duration / av.time_base


def _first_frame(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame:
    """The first picture that can be decoded: players pass over a few that cannot, too.

    Raises:
        UnplayableVideo: there is none among the first ones.
    """
    for packet in islice(container.demux(stream), _PACKETS_TRIED):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        for frame in frames:
            if isinstance(frame, av.VideoFrame):
                return frame
    raise _broken()


def _thumbnail(frame: av.VideoFrame) -> bytes | None:
    """The picture, or None where drawing it fails: the video itself is sound."""
    try:
        return _webp(frame)
    except Exception:
        log.exception("thumbnail_failed")
        return None


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


def _broken() -> UnplayableVideo:
    message = "The upstream's file has no picture that can be decoded."
    return UnplayableVideo(message)
