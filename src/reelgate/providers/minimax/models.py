"""MiniMax's video models, each at one of its two APIs, as data.

Ids and fields: platform.minimax.io/docs/api-reference (the second API), MiniMax's own MCP server
and examples (the first). Prices: third parties that read MiniMax's price list in October
2026; pictures beyond the fifth, at 4 cents each, are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    FIRST_FRAME,
    LAST_FRAME,
    PROMPT,
    REFERENCES,
    Field,
    FieldType,
    Medium,
    references,
)
from reelgate.domain.price import Price, Unit, per_second
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind
from reelgate.providers.shapes import CREATED, OPEN, Shape, with_named

OWNER = "minimax"


class Version(StrEnum):
    """Which API has a model; the value begins its paths."""

    FIRST = "v1"
    SECOND = "v2"


OF_SECOND = re.compile(r"MiniMax-H\d", re.IGNORECASE)
"""The names of models at the second API, as far as that goes by names."""
LONG_PROMPT = replace(PROMPT, help="What the video shows: 1 to 7000 characters.", maximum=7000)
OPTIMIZER = Field(
    name="prompt_optimizer",
    type=FieldType.BOOLEAN,
    help="Let the upstream improve the prompt.",
    default=True,
    wire="prompt_optimizer",
)
WATERMARK = Field(
    name="aigc_watermark",
    type=FieldType.BOOLEAN,
    help="Put a watermark into the picture that says that it was generated.",
    default=False,
    wire="aigc_watermark",
)
NEEDED_FRAME = replace(FIRST_FRAME, is_required=True)
# A sound needs a picture beside it.
MEDIA = (Medium(Kind.IMAGE, 9, least=1), Medium(Kind.VIDEO, 3), Medium(Kind.AUDIO, 3))
OF_SECOND_RULES = (
    Rule(field=REFERENCES.name, other=FIRST_FRAME.name),
    # The video has its picture's ratio.
    Rule(field=FIRST_FRAME.name, other="aspect_ratio"),
)
LARGE_ARE_SHORT = (Rule(field="resolution", values=("1080p",), other="duration", only=(6,)),)
HAILUO = Shape(durations=(6, 10), resolutions=("768p", "1080p"))
H3 = Shape(
    ratios=("16:9", "9:16", "1:1", "4:3", "3:4", "21:9"),
    durations=range(5, 16),
    resolutions=("768p", "2k"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        id: its name there, which is its name as well.
        shape: what its videos can look like.
        frames: the pictures that it begins and ends with.
        rules: what one field means for another.
        price: None where nobody tells it.
    """

    id: str
    shape: Shape = OPEN
    frames: tuple[Field, ...] = (FIRST_FRAME,)
    rules: tuple[Rule, ...] = ()
    price: Price | None = None

    @property
    def version(self) -> Version:
        """Which API has it."""
        return Version.SECOND if OF_SECOND.match(self.id) else Version.FIRST

    def fields(self) -> Iterator[Field]:
        """The fields it takes, by MiniMax's names."""
        if self.version is Version.FIRST:
            yield from replace(self.shape, ratios=(), is_open=False).fields()
            yield OPTIMIZER
            yield from self.frames
        else:
            yield LONG_PROMPT
            yield from self.shape.fields("ratio")
            yield WATERMARK
            yield from self.frames
            yield references(*MEDIA)

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            price=self.price,
            fields=tuple(self.fields()),
            rules=self.rules,
        )


H3_PRICE = Price(
    Unit.USD,
    "seen",
    (per_second("0.08", resolution="768p"), per_second("0.13", resolution="2k")),
)
BOTH_FRAMES = (FIRST_FRAME, LAST_FRAME)
ROWS = (
    Row("MiniMax-H3", H3, BOTH_FRAMES, OF_SECOND_RULES, H3_PRICE),
    Row("MiniMax-Hailuo-2.3", HAILUO, rules=LARGE_ARE_SHORT),
    Row("MiniMax-Hailuo-2.3-Fast", HAILUO, (NEEDED_FRAME,), LARGE_ARE_SHORT),
    Row("MiniMax-Hailuo-02", HAILUO, BOTH_FRAMES, LARGE_ARE_SHORT),
    Row("T2V-01", Shape(), ()),
    Row("I2V-01", Shape(), (NEEDED_FRAME,)),
    Row("video-01", Shape()),
)


def rows_with(more: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    return with_named(ROWS, more, Row)
