"""xAI's video models: their fields by xAI's names, as data.

Names and fields: docs.x.ai and xAI's own SDK [official], and third parties' tables of values and
prices [seen]. Each picture costs as well, so that the prices are those of a video without any.
There is no seed, and sound is made with every video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reelgate.domain.catalog import Model
from reelgate.domain.fields import FIRST_FRAME, REFERENCES, Field, Medium, references
from reelgate.domain.price import Price, Rate, Unit, per_second
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind
from reelgate.providers.shapes import CREATED, OPEN, Shape, with_named

OWNER = "xai"
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3")
# xAI's own default comes first: a request that says nothing is paid for as 8 seconds at 480p.
SECONDS = (8, *(each for each in range(1, 16) if each != 8))  # noqa: PLR2004
MOST_REFERENCES = 7
NO_BOTH = (Rule(field=REFERENCES.name, other=FIRST_FRAME.name),)
"""Seen: they are two ways of making a video, and a request is one of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        id: its name there.
        shape: what its videos can look like.
        price: None where nobody tells it.
    """

    id: str
    shape: Shape = OPEN
    price: Price | None = None

    def fields(self) -> Iterator[Field]:
        """The fields it takes, by xAI's names."""
        yield from self.shape.fields()
        yield FIRST_FRAME
        yield references(Medium(Kind.IMAGE, MOST_REFERENCES))

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            price=self.price,
            fields=tuple(self.fields()),
            rules=NO_BOTH,
        )


def _seen(**by_resolution: str) -> Price:
    """Dollars for each second, by resolution, of a video without pictures."""
    return Price(Unit.USD, "seen", tuple(_rates(by_resolution)))


def _rates(by_resolution: dict[str, str]) -> Iterator[Rate]:
    bare: dict[str, object] = {FIRST_FRAME.name: False, REFERENCES.name: False}
    for resolution, amount in by_resolution.items():
        yield per_second(amount, resolution=resolution.removeprefix("p") + "p", **bare)


ROWS = (
    Row(
        "grok-imagine-video",
        Shape(ratios=RATIOS, durations=SECONDS, resolutions=("480p", "720p")),
        _seen(p480="0.05"),
    ),
    Row(
        "grok-imagine-video-1.5",
        Shape(ratios=RATIOS, durations=SECONDS, resolutions=("480p", "720p", "1080p")),
        _seen(p480="0.08", p720="0.14", p1080="0.25"),
    ),
)


def rows_with(more: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    return with_named(ROWS, more, Row)
