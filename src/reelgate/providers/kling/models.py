"""Kling's video models by its names, as data.

Seen in third-party clients, among them Vercel's AI SDK. No price in dollars: Kling sells units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    AUDIO,
    FIRST_FRAME,
    LAST_FRAME,
    NEGATIVE_PROMPT,
    PROMPT,
    Field,
    FieldType,
)
from reelgate.domain.reading import Rule
from reelgate.domain.video import Duration
from reelgate.providers.shapes import CREATED, OPEN, Shape, with_named

OWNER = "kling"
MAX_CHARS = 2500
LONG_PROMPT = replace(
    PROMPT, help=f"What the video shows: 1 to {MAX_CHARS} characters.", maximum=MAX_CHARS
)
NEGATIVE = replace(NEGATIVE_PROMPT, maximum=MAX_CHARS, wire="negative_prompt")
MODE = Field(
    name="mode",
    type=FieldType.TEXT,
    help="How well, and how dearly, the video is made.",
    allowed=("std", "pro"),
    default="std",
    wire="mode",
)
CFG_SCALE = Field(
    name="cfg_scale",
    type=FieldType.NUMBER,
    help="How closely the video keeps to the prompt.",
    minimum=0,
    maximum=1,
    wire="cfg_scale",
)
SOUND = replace(AUDIO, wire="sound")
END_IS_PRO = Rule(field=LAST_FRAME.name, other="mode", only=("pro",))
SOUND_IS_PRO = Rule(field="audio", values=(True,), other="mode", only=("pro",))
RATIO_OF_PICTURE = Rule(field=FIRST_FRAME.name, other="aspect_ratio")
"""A path that starts from a picture takes no ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model.

    Attributes:
        id: its name there, which is its name as well.
        shape: what its videos can look like.
        more: its fields with plain values beside these.
        has_last_frame: whether a video can end with a picture.
        rules: what one field means for another.
    """

    id: str
    shape: Shape = OPEN
    more: tuple[Field, ...] = (NEGATIVE, MODE, CFG_SCALE, SOUND)
    has_last_frame: bool = True
    rules: tuple[Rule, ...] = (RATIO_OF_PICTURE,)

    def fields(self) -> Iterator[Field]:
        """The fields it takes, by Kling's names."""
        yield LONG_PROMPT
        yield from (row for row in self.shape.fields() if row.name != "resolution")
        yield from self.more
        yield FIRST_FRAME
        if self.has_last_frame:
            yield LAST_FRAME

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            fields=tuple(self.fields()),
            rules=self.rules,
        )


def shape(durations: Iterable[Duration] = (5, 10)) -> Shape:
    """Three ratios, and these durations."""
    return Shape(ratios=("16:9", "9:16", "1:1"), durations=tuple(durations))


ROWS = (
    Row(
        id="kling-v2-5-turbo",
        shape=shape(),
        more=(NEGATIVE, MODE),
        rules=(RATIO_OF_PICTURE, END_IS_PRO),
    ),
    Row(
        id="kling-v2-6",
        shape=shape(),
        more=(NEGATIVE, MODE, SOUND),
        rules=(RATIO_OF_PICTURE, END_IS_PRO, SOUND_IS_PRO),
    ),
    Row(
        id="kling-v3",
        shape=shape((5, 3, 4, *range(6, 16))),
        more=(NEGATIVE, MODE, SOUND),
        rules=(RATIO_OF_PICTURE,),
    ),
    Row(id="kling-v2-1-master", shape=shape(), more=(NEGATIVE,), has_last_frame=False),
    Row(
        id="kling-v1-6",
        shape=shape(),
        more=(NEGATIVE, MODE, CFG_SCALE),
        rules=(RATIO_OF_PICTURE, END_IS_PRO),
    ),
)


def rows_with(more: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    return with_named(ROWS, more, lambda name: Row(id=name))
