"""A reference in memory: its bytes, and what they are by their own word."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from reelgate.domain.reference import Kind
from reelgate.errors import InvalidRequest, Problem, RequestTooLarge

MAX_PICTURE_BYTES = 20_000_000
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
}
"""What a reference may be, and how the names of such files end."""
MEDIA_TYPES = {
    kind: tuple(each for each in SUFFIXES if each.startswith(kind.value)) for kind in Kind
}
EXPECTED = {
    Kind.IMAGE: "a PNG, JPEG or WebP picture",
    Kind.VIDEO: "an MP4, MOV or WebM video",
    Kind.AUDIO: "an MP3, WAV, M4A or Ogg sound",
}
DATA_SCHEME = "data:"
START_BYTES = 16
"""So many bytes of a file tell what it is."""

STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"\x1aE\xdf\xa3": "video/webm",
    b"OggS\x00": "audio/ogg",
    b"ID3": "audio/mpeg",
}
RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
"""By the form of a RIFF file."""
FTYP = b"ftyp"
BRANDS = {
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    **dict.fromkeys((b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"), None),
}
"""By the brand of an ISO base media file (ISO/IEC 14496-12): every other one is a video's."""
MP3_MASK, MP3_FRAME = 0xFFE6, 0xFFE2
"""An MPEG audio frame begins with eleven set bits; the sixth and seventh last say layer III."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, or a video or sound, as a file in memory."""

    content: bytes = field(repr=False)
    media_type: str

    @property
    def kind(self) -> Kind:
        """Which of the three it is."""
        return Kind(self.media_type.partition("/")[0])

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def file_name(self) -> str:
        """A name that says nothing but the type."""
        return f"reference{SUFFIXES[self.media_type]}"

    @property
    def data_url(self) -> str:
        """The file as a `data:` URL (RFC 2397)."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode()}"


def read_picture(content: bytes, param: str, kind: Kind = Kind.IMAGE) -> Picture:
    """A file that a caller sent; what it was said to be does not count.

    Args:
        content: the file.
        param: the field that holds it, for errors.
        kind: what it is to be.

    Raises:
        InvalidRequest: it is none of that kind.
        RequestTooLarge: it is larger than 20 MB.
    """
    if len(content) > MAX_PICTURE_BYTES:
        raise picture_too_large(param)
    media_type = sniff(content[:START_BYTES])
    if media_type not in MEDIA_TYPES[kind]:
        raise unusable(f"is not {EXPECTED[kind]}", param, allowed=MEDIA_TYPES[kind])
    return Picture(content, media_type)


def kind_of(start: bytes) -> Kind | None:
    """What a file is that begins so; None where that is nothing a video can be made from."""
    media_type = sniff(start[:START_BYTES])
    return None if media_type is None else Kind(media_type.partition("/")[0])


def sniff(start: bytes) -> str | None:
    """The media type that a file's first bytes tell: https://mimesniff.spec.whatwg.org, 6."""
    for signature, media_type in STARTS.items():
        if start.startswith(signature):
            return media_type
    if start[:4] == b"RIFF":
        return RIFF.get(start[8:12])
    if start[4:8] == FTYP:
        return BRANDS.get(start[8:12], "video/mp4")
    return "audio/mpeg" if int.from_bytes(start[:2]) & MP3_MASK == MP3_FRAME else None


def is_data_url(url: str) -> bool:
    """Whether the address holds the file itself (RFC 2397)."""
    return url[: len(DATA_SCHEME)].lower() == DATA_SCHEME


def read_data_url(url: str, param: str, kind: Kind = Kind.IMAGE) -> Picture:
    """The file in a `data:` URL (RFC 2397), base64 or percent-encoded.

    Raises:
        InvalidRequest: it cannot be read, or holds none of that kind.
        RequestTooLarge: it is larger than 20 MB.
    """
    head, comma, body = url[len(DATA_SCHEME) :].partition(",")
    if not comma:
        raise unusable("is a data: URL without a comma, so it holds nothing", param)
    raw = unquote_to_bytes(body)
    if head.lower().replace(" ", "").endswith(";base64"):
        try:
            raw = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
        except binascii.Error:
            raise unusable("is a data: URL whose base64 is broken", param) from None
    return read_picture(raw, param, kind)


def unusable(fault: str, param: str, *, allowed: tuple[str, ...] | None = None) -> InvalidRequest:
    """A reference that cannot be used, and why."""
    return InvalidRequest(problems=(Problem(param, f"{param} {fault}", allowed=allowed),))


def picture_too_large(param: str) -> RequestTooLarge:
    """A reference beyond the limit."""
    message = f"{param} is larger than the {MAX_PICTURE_BYTES} bytes allowed"
    return RequestTooLarge(message, param=param)
