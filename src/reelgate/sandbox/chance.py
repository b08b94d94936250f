"""Chance that is the same in every process and every Python: drawn from SHA-256 of a key."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Chance:
    """A stream of draws that its key alone decides."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._drawn = 0

    def share(self) -> float:
        """Draw uniformly from 0 up to but not including 1."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._drawn}:{self._key}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32

    def between(self, least: float, most: float) -> float:
        """Draw uniformly between two bounds."""
        return least + (most - least) * self.share()

    def one_of(self, values: Sequence[T]) -> T:
        """Draw one of the values."""
        return values[int(self.share() * len(values))]
