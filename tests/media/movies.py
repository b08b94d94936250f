"""Real, tiny MP4 files, and ways to hand them over like a provider does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import av
from av.video.reformatter import ColorRange, Colorspace

from reelgate.providers.base import Asset

RED = (200, 0, 0)

Colours = tuple[Colorspace, ColorRange]
"""How a video writes its colours down, and says so."""


@cache
def movie(
    *,
    width: int = 64,
    height: int = 36,
    seconds: int = 1,
    faststart: bool = True,
    colours: Colours | None = None,
) -> bytes:
    """An H.264 video at 10 pictures per second, its first picture red and the others grey."""
    options = {"movflags": "faststart"} if faststart else {}
    # A path, because faststart reads back what it wrote.
    with NamedTemporaryFile(suffix=".mp4") as file:
        _render(file.name, width, height, seconds, options, colours)
        return Path(file.name).read_bytes()


def _render(
    path: str,
    width: int,
    height: int,
    seconds: int,
    options: dict[str, str],
    colours: Colours | None,
) -> None:
    with av.open(path, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 1
        if colours is not None:
            stream.codec_context.colorspace, stream.codec_context.color_range = colours
        for number in range(10 * seconds):
            picture = _picture(width, height, RED if number == 0 else (90, 90, 90), colours)
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _picture(
    width: int, height: int, colour: tuple[int, int, int], colours: Colours | None
) -> av.VideoFrame:
    picture = av.VideoFrame(width, height, "rgb24")
    plane = picture.planes[0]
    plane.update(bytes(colour) * (plane.line_size // 3) * height)
    space, span = colours or (None, None)
    return picture.reformat(format="yuv420p", dst_colorspace=space, dst_color_range=span)


def padded(video: bytes, size_bytes: int) -> bytes:
    """The same video with an empty box behind it, so that the file has exactly this size."""
    return video + free_box_header(size_bytes - len(video)) + bytes(size_bytes - len(video) - 8)


def free_box_header(length_bytes: int) -> bytes:
    """The head of a box that holds nothing (ISO/IEC 14496-12, 8.1.2)."""
    return length_bytes.to_bytes(4) + b"free"


def asset(
    content: bytes | Iterable[bytes],
    *,
    content_type: str = "video/mp4",
    length_bytes: int | None = None,
) -> Asset:
    """A finished video as a provider hands it over."""
    chunks = [content] if isinstance(content, bytes) else content
    return Asset(_iterate(chunks), content_type, length_bytes)


async def _iterate(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def with_latin1_title(video: bytes) -> bytes:
    """The same video with a title in Latin-1, which its tool took for UTF-8.

    (QuickTime File Format: a user data box `\xa9nam` with a text of a given length and language;
    a language of its own kind, here `und`, means Unicode.)
    """
    text = b"caf\xe9 cr\xe8me"
    name = box(b"\xa9nam", len(text).to_bytes(2) + b"\x55\xc4" + text)
    return grown(video, box(b"udta", name))


def grown(video: bytes, more: bytes) -> bytes:
    """A video whose index stands at its end, with one more box in its index."""
    start = video.rindex(b"moov") - 4
    length = int.from_bytes(video[start : start + 4])
    assert start + length == len(video), "the index must come last, or offsets would move"
    return video[:start] + (length + len(more)).to_bytes(4) + video[start + 4 :] + more


def box(kind: bytes, content: bytes) -> bytes:
    """A box (ISO/IEC 14496-12, 4.2)."""
    return (8 + len(content)).to_bytes(4) + kind + content


def described_as(video: bytes, width: int, height: int) -> bytes:
    """The same video, whose sample description tells another size of its pictures."""
    at = video.index(b"avc1", video.index(b"stsd")) + 4 + 24
    return video[:at] + width.to_bytes(2) + height.to_bytes(2) + video[at + 4 :]
