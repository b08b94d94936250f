"""The outermost structure of an MP4 file: ISO/IEC 14496-12, section 4.2."""

from __future__ import annotations

from typing import BinaryIO

HEAD_BYTES = 12
"""How much of a file `is_mp4` needs."""

_SHORT_HEADER_BYTES = 8
_LONG_HEADER_BYTES = 16
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


def _box_length(header: bytes) -> int:
    """A box's length in bytes, its header included; less than that where it tells no length.

    That is a box that reaches to the end of the file by definition (0), or padding behind the
    last one.
    """
    if len(header) < _SHORT_HEADER_BYTES:
        return 0
    length = int.from_bytes(header[:4])
    return int.from_bytes(header[8:]) if length == 1 else length
