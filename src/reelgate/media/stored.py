"""What a storage knows about a file, and how files are called there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored file; `modified_at` in Unix seconds."""

    key: str
    size_bytes: int
    modified_at: float


@dataclass(frozen=True, slots=True)
class Upload:
    """A local file that is to be stored under a key."""

    key: str
    source: Path
    content_type: str


def is_key(name: str) -> bool:
    """Whether a name may be a key: nothing that a path or a URL could take for anything else."""
    return _KEY.fullmatch(name) is not None


def checked_key(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: it may not be a key.
    """
    if not is_key(name):
        message = f"{name!r} cannot be a key"
        raise ValueError(message)
    return name
