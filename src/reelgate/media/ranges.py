"""Which bytes of a kept file a request is about: RFC 9110, sections 8.8, 13 and 14.

Only single ranges are honoured. A header that asks for several ranges, or that cannot be read, is
ignored and the whole file is the answer, as section 14.2 allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reelgate.errors import RangeNotSatisfiable

# A file never has more bytes than 20 digits can count, so further digits change nothing.
_MAX_DIGITS = 20
_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
# Weak and strong entity tags; an opaque tag may hold commas, so a list cannot be split at them.
_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` to `stop` of a file, `stop` exclusive; never empty."""

    start: int
    stop: int

    @property
    def length_bytes(self) -> int:
        return self.stop - self.start

    def content_range(self, size_bytes: int) -> str:
        """The `Content-Range` of the 206 that answers with these bytes."""
        return f"bytes {self.start}-{self.stop - 1}/{size_bytes}"


def entity_tag(sha256: str) -> str:
    """A strong `ETag` for content with this digest (hexadecimal)."""
    return f'"{sha256}"'


def unsatisfied(size_bytes: int) -> str:
    """The `Content-Range` of a 416 (RFC 9110, section 15.5.17)."""
    return f"bytes */{size_bytes}"


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller already has what `etag` names, so that 304 is the answer.

    The comparison is weak, as section 13.1.2 wants it.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag in _ENTITY_TAG.findall(if_none_match)


def wanted(
    range_header: str | None, size_bytes: int, *, etag: str, if_range: str | None = None
) -> ByteRange | None:
    """The bytes a request asks for, or None for the whole file.

    `if_range` must hold exactly the strong `etag` for the range to count: the gateway sends no
    `Last-Modified`, so a date never matches.

    Raises:
        RangeNotSatisfiable: the range begins behind the end of the file.
    """
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return None
    spec = _single_spec(range_header)
    if spec is None:
        return None
    first, last = spec
    found = _suffix(last, size_bytes) if first is None else _bounded(first, last, size_bytes)
    if found is None:
        message = f"The range {range_header[:60]!r} lies beyond the file's {size_bytes} bytes."
        raise RangeNotSatisfiable(message, size_bytes=size_bytes)
    return found


def _single_spec(header: str) -> tuple[int | None, int | None] | None:
    """The only range of a header as (first, last), or None when there is not exactly one."""
    unit, _, ranges = header.partition("=")
    # A list may hold empty elements (section 5.6.1.2).
    specs = [spec for part in ranges.split(",") if (spec := part.strip(" \t"))]
    match = _SPEC.fullmatch(specs[0]) if len(specs) == 1 else None
    if unit.strip(" \t").lower() != "bytes" or match is None:
        return None
    first, last = (_number(digits) for digits in match.groups())
    backwards = first is not None and last is not None and last < first
    return None if backwards or first is last is None else (first, last)


def _number(digits: str) -> int | None:
    return int(digits.lstrip("0")[:_MAX_DIGITS] or "0") if digits else None


def _suffix(length: int | None, size_bytes: int) -> ByteRange | None:
    if not length or not size_bytes:
        return None
    return ByteRange(max(0, size_bytes - length), size_bytes)


def _bounded(first: int, last: int | None, size_bytes: int) -> ByteRange | None:
    if first >= size_bytes:
        return None
    return ByteRange(first, size_bytes if last is None else min(last + 1, size_bytes))
