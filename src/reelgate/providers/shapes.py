"""The fields that nearly every model has, as rows by the names that an upstream gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from reelgate.domain.fields import ASPECT_RATIO, DURATION, RESOLUTION, Field
from reelgate.domain.video import Duration

# 1 January 2026, for models whose vendor tells no date.
CREATED = 1767225600
MAX_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a model's videos can look like; the first of each is the default.

    Attributes:
        ratios: aspect ratios, as `16:9`.
        durations: seconds.
        resolutions: as `720p`.
        is_open: whether the rest is not known, so that any value is passed on.
    """

    ratios: Sequence[str] = ()
    durations: Sequence[Duration] = ()
    resolutions: Sequence[str] = ()
    is_open: bool = False

    def fields(
        self,
        ratio: str = "aspect_ratio",
        duration: str = "duration",
        resolution: str = "resolution",
    ) -> Iterator[Field]:
        """The rows, by the names that the upstream gives them."""
        rows = (
            (ASPECT_RATIO, self.ratios, ratio),
            (replace(DURATION, minimum=1, maximum=MAX_SECONDS), self.durations, duration),
            (RESOLUTION, self.resolutions, resolution),
        )
        for row, values, wire in rows:
            if values:
                allowed = tuple(values)
                yield replace(row, allowed=allowed, default=allowed[0], wire=wire)
            elif self.is_open:
                yield replace(row, allowed=None, wire=wire)


OPEN = Shape(is_open=True)
"""Of a model of which only the name is known."""


class Named(Protocol):
    """A row of a provider's table of models."""

    @property
    def id(self) -> str:
        """The model's name."""
        ...


R = TypeVar("R", bound=Named)


def with_named(rows: Sequence[R], more: Iterable[str], make: Callable[[str], R]) -> tuple[R, ...]:
    """A provider's own rows, and one that `make` makes for each further name, once."""
    known = {row.id for row in rows}
    return (*rows, *(make(name) for name in dict.fromkeys(more) if name not in known))
