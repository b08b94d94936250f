"""Luma's video models: their fields by Luma's names, as data.

Names and values: Luma's own SDK of October 2025 [official]. Prices are none: Luma's are for each
million pixels, and nothing that was read tells them for each second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    EXTEND_VIDEO,
    FIRST_FRAME,
    LAST_FRAME,
    Field,
    FieldType,
    Source,
)
from reelgate.domain.reading import Rule
from reelgate.providers.shapes import CREATED, OPEN, Shape, with_named

OWNER = "luma"
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21")
RAY_2 = Shape(ratios=RATIOS, durations=(5, 9), resolutions=("720p", "540p", "1080p", "4k"))
LOOP = Field(
    name="loop", type=FieldType.BOOLEAN, help="Let the end run into the beginning.", wire="loop"
)


EXTEND_OWN = replace(EXTEND_VIDEO, sources=(Source.OWN,))


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        id: its name there.
        shape: what its videos can look like.
        takes_pictures: whether one may be told to begin or to end with.
        extends: whether a generation may go on where another one ends.
    """

    id: str
    shape: Shape = OPEN
    takes_pictures: bool = False
    extends: bool = False

    def fields(self) -> Iterator[Field]:
        """The fields it takes, by Luma's names."""
        yield from self.shape.fields()
        yield LOOP
        if self.takes_pictures:
            yield FIRST_FRAME
            yield LAST_FRAME
        if self.extends:
            yield EXTEND_OWN

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            fields=tuple(self.fields()),
            # Both would be the frame that comes first.
            rules=(Rule(field=EXTEND_OWN.name, other=FIRST_FRAME.name),) if self.extends else (),
        )


ROWS = (
    Row("ray-2", RAY_2, extends=True),
    Row("ray-flash-2", RAY_2, extends=True),
    Row("ray-1-6", Shape(ratios=RATIOS)),
)


def rows_with(more: Iterable[str], *, takes_pictures: bool = False) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    rows = with_named(ROWS, more, Row)
    return tuple(replace(row, takes_pictures=takes_pictures) for row in rows)
