"""A reference picture: the bytes, and what they are by their own word."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from reelgate.errors import InvalidRequest, Problem, RequestTooLarge

PARAM = "input_reference"
MAX_PICTURE_BYTES = 20_000_000
MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp")
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
DATA_SCHEME = "data:"

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"
RIFF, WEBP = b"RIFF", b"WEBP"


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, JPEG or WebP file in memory."""

    content: bytes = field(repr=False)
    media_type: str

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def file_name(self) -> str:
        """A name that says nothing but the type."""
        return f"reference{SUFFIXES[self.media_type]}"


def read_picture(content: bytes) -> Picture:
    """A file that a caller sent; what it was said to be does not count.

    Raises:
        InvalidRequest: it is no PNG, JPEG or WebP.
        RequestTooLarge: it is larger than 20 MB.
    """
    if len(content) > MAX_PICTURE_BYTES:
        raise picture_too_large()
    media_type = sniff(content[:16])
    if media_type is None:
        raise unusable("is not a PNG, JPEG or WebP picture", allowed=MEDIA_TYPES)
    return Picture(content, media_type)


def is_picture(content: bytes) -> bool:
    """Whether this begins as a PNG, JPEG or WebP does."""
    return sniff(content[:16]) is not None


def sniff(start: bytes) -> str | None:
    """The media type that a file's first bytes tell: https://mimesniff.spec.whatwg.org, 6.1."""
    if start.startswith(PNG_START):
        return "image/png"
    if start.startswith(JPEG_START):
        return "image/jpeg"
    if start[:4] == RIFF and start[8:12] == WEBP:
        return "image/webp"
    return None


def is_data_url(url: str) -> bool:
    """Whether the address holds the file itself (RFC 2397)."""
    return url[: len(DATA_SCHEME)].lower() == DATA_SCHEME


def read_data_url(url: str) -> Picture:
    """The picture in a `data:` URL (RFC 2397), base64 or percent-encoded.

    Raises:
        InvalidRequest: it cannot be read, or holds no PNG, JPEG or WebP.
        RequestTooLarge: the picture is larger than 20 MB.
    """
    head, comma, body = url[len(DATA_SCHEME) :].partition(",")
    if not comma:
        raise unusable("is a data: URL without a comma, so it holds nothing")
    raw = unquote_to_bytes(body)
    if head.lower().replace(" ", "").endswith(";base64"):
        try:
            raw = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
        except binascii.Error:
            raise unusable("is a data: URL whose base64 is broken") from None
    return read_picture(raw)


def unusable(fault: str, *, allowed: tuple[str, ...] | None = None) -> InvalidRequest:
    """A picture that cannot be used, and why."""
    return InvalidRequest(problems=(Problem(PARAM, f"{PARAM} {fault}", allowed=allowed),))


def picture_too_large() -> RequestTooLarge:
    """A picture beyond the limit."""
    message = f"{PARAM} is larger than the {MAX_PICTURE_BYTES} bytes allowed"
    return RequestTooLarge(message, param=PARAM)
