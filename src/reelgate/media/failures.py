"""What the disk says, in the gateway's own errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from reelgate.errors import StorageFailed, VideoExpired


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn an OSError of the block into StorageFailed.

    The sentence tells the reason without the path, which is nobody's business outside.
    """
    try:
        yield
    except OSError as exc:
        reason = os.strerror(exc.errno).lower() if exc.errno else "the disk failed"
        raise storage_failed(reason) from exc


def storage_failed(reason: str) -> StorageFailed:
    """The finished video could not be stored, for this reason."""
    message = f"The finished video could not be stored: {reason}."
    return StorageFailed(message)


def unreadable(reason: str) -> StorageFailed:
    """The stored video could not be read, for this reason."""
    message = f"The stored video could not be read: {reason}."
    return StorageFailed(message)


def gone() -> VideoExpired:
    """The video's file is not there any more, or was never on this machine."""
    message = (
        "the video's file is not in this gateway's storage: it was removed, or another machine "
        "keeps it in a folder of its own (machines must share REELGATE_STORAGE_URL)"
    )
    return VideoExpired(message)
