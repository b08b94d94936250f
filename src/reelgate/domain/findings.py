"""What an examination of the gateway found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a check came out."""

    OK = "ok"  # nothing to do
    WARNING = "warning"  # works, and something should be done
    ERROR = "error"  # videos cannot be made or kept


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where something is wrong."""

    check: str
    grade: Grade
    detail: str
    remedy: str = ""
