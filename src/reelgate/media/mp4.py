"""The outermost structure of an MP4 file (ISO/IEC 14496-12), and its first frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import structlog

from reelgate.errors import ReelgateError
from reelgate.media.disk import disk_errors

HEAD_BYTES = 12
"""How much of a file `is_mp4` needs."""

_SHORT_HEADER_BYTES = 8
_LONG_HEADER_BYTES = 16
_LONG_LENGTH = (1).to_bytes(4)
_REST_OF_FILE = bytes(4)
_VISUAL_ENTRY_BYTES = 28
# Far more than fragments of a long video make; a bound on what a hostile file can cost.
_MAX_BOXES = 100_000


def is_mp4(head: bytes) -> bool:
    """Whether a file that begins like this is of the MP4 family: `ftyp` at offset 4."""
    return head[4:8] == b"ftyp"


def is_cut_off(file: BinaryIO, size_bytes: int) -> bool:
    """Whether the last box of a file reaches beyond its end.

    A download that breaks off without a known length leaves a file whose first frame still
    decodes; only its last box shows that the rest is missing.
    """
    offset = 0
    for _ in range(_MAX_BOXES):
        file.seek(offset)
        length = _box_length(file.read(_LONG_HEADER_BYTES))
        if length < _SHORT_HEADER_BYTES:
            return False
        offset += length
        if offset >= size_bytes:
            return offset > size_bytes
    return False


def largest_picture_px(file: BinaryIO, size_bytes: int) -> int:
    """How many pixels the pictures of a video have by its sample descriptions; 0 without any.

    Read here, so that nothing is decoded, and no decoder opened, to know it.
    """
    largest = 0
    for media_start, media_stop in _descend(file, 0, size_bytes, (b"moov", b"trak", b"mdia")):
        if not _is_video(file, media_start, media_stop):
            continue
        for start, stop in _descend(file, media_start, media_stop, (b"minf", b"stbl", b"stsd")):
            # Version, flags and a count come before the sample entries (8.5.2).
            for _, entry_start, entry_stop in _boxes(file, start + 8, stop):
                largest = max(largest, _picture_px(file, entry_start, entry_stop))
    return largest


def _picture_px(file: BinaryIO, start: int, stop: int) -> int:
    """The size that a visual sample entry begins with (12.1.3), after 24 bytes of other things."""
    if stop - start < _VISUAL_ENTRY_BYTES:
        return 0
    file.seek(start + 24)
    size = file.read(4)
    return int.from_bytes(size[:2]) * int.from_bytes(size[2:])


def _is_video(file: BinaryIO, start: int, stop: int) -> bool:
    for handler_start, _ in _descend(file, start, stop, (b"hdlr",)):
        file.seek(handler_start + 8)
        return file.read(4) == b"vide"
    return False


def _descend(
    file: BinaryIO, start: int, stop: int, path: tuple[bytes, ...]
) -> Iterator[tuple[int, int]]:
    """Where the contents of all boxes at this path begin and end."""
    for kind, inner_start, inner_stop in _boxes(file, start, stop):
        if kind == path[0]:
            if len(path) == 1:
                yield inner_start, inner_stop
            else:
                yield from _descend(file, inner_start, inner_stop, path[1:])


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two offsets: each one's kind, and where its content begins and ends."""
    for _ in range(_MAX_BOXES):
        file.seek(start)
        header = file.read(_LONG_HEADER_BYTES)
        length = _box_length(header)
        is_long = header[:4] == _LONG_LENGTH
        header_bytes = _LONG_HEADER_BYTES if is_long else _SHORT_HEADER_BYTES
        if header[:4] == _REST_OF_FILE:
            length = stop - start
        if length < header_bytes or start + length > stop:
            return
        yield header[4:8], start + header_bytes, start + length
        start += length


def _box_length(header: bytes) -> int:
    """A box's length in bytes, its header included; less than that where it tells no length.

    That is a box that reaches to the end of the file by definition (0), or padding behind the
    last one.
    """
    if len(header) < _SHORT_HEADER_BYTES:
        return 0
    length = int.from_bytes(header[:4])
    return int.from_bytes(header[8:]) if length == 1 else length


log = structlog.get_logger()

MAX_PICTURE_PX = 8192 * 4352
"""A little more than 8K. Decoding takes 2 to 8 bytes for each, several times over."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video file holds; of a short one also whether all its pictures are the same.

    `duration_s` is None where the file does not say; `codec` is FFmpeg's name (`h264`);
    `thumbnail` is the first frame as WebP, its longer side at most 640 pixels; None where the video
    was not decoded, or its picture could not be drawn.
    """

    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    thumbnail: bytes | None = field(repr=False, default=None)
    is_still: bool = False


def probe(path: Path, still_below_s: float = 0.0) -> Probe:
    """Inspect an MP4 file and decode its first frame; takes milliseconds, so run it in a thread.

    FFmpeg takes 17 MB and nearly 0.1 s to load. A gateway that has not finished a video yet does
    without it, so it is loaded here and nowhere else.

    Only a video that the decoder itself calls broken is refused. Where the fault is ours (the
    picture is too large, or our code fails) the paid video is kept without a thumbnail.

    Raises:
        UnplayableVideo: it holds no picture that can be decoded.
        StorageFailed: the file cannot be read.
    """
    with disk_errors(), path.open("rb") as file:
        pixels = largest_picture_px(file, path.stat().st_size)
    if pixels > MAX_PICTURE_PX:
        log.warning("video_not_decoded", pixels=pixels, limit=MAX_PICTURE_PX)
        return Probe()
    try:
        # PyAV takes long to load, and a gateway whose files stay upstream does without it.
        from reelgate.media import frames  # noqa: PLC0415

        return frames.decode(path, MAX_PICTURE_PX, still_below_s)
    except ReelgateError:
        raise
    except Exception:
        log.exception("video_not_decoded")
        return Probe()
