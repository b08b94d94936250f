"""Veo's models at the Gemini API: their fields by Google's names, as data.

Ids, values and rules: ai.google.dev/gemini-api/docs/video and third-party clients. There is neither
`seed` nor `generateAudio`: Google's own client refuses both here. Prices: ai.google.dev/gemini-api/
docs/pricing as read in September 2026 (official), and tables of third parties from it (seen).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    FIRST_FRAME,
    LAST_FRAME,
    NEGATIVE_PROMPT,
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

OWNER = "google"
FULL = Shape(ratios=("16:9", "9:16"), durations=(8, 6, 4), resolutions=("720p", "1080p", "4k"))
LITE = replace(FULL, resolutions=("720p", "1080p"))
LARGE_ARE_LONG = (Rule(field="resolution", values=("1080p", "4k"), other="duration", only=(8,)),)
OF_REFERENCES = (
    Rule(field=REFERENCES.name, other=FIRST_FRAME.name),
    Rule(field=REFERENCES.name, other="duration", only=(8,)),
    Rule(field=REFERENCES.name, other="aspect_ratio", only=("16:9",)),
)
PERSONS = Field(
    name="personGeneration",
    type=FieldType.TEXT,
    help="Whether persons may be shown.",
    allowed=("allow_all", "allow_adult", "dont_allow"),
    wire="personGeneration",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        id: its name there, which is its name as well.
        shape: what its videos can look like.
        price: None where nobody tells it.
        most_references: how many pictures it takes beside the frames.
    """

    id: str
    shape: Shape = OPEN
    price: Price | None = None
    most_references: int = 0

    def fields(self) -> Iterator[Field]:
        """The fields it takes, by Google's names."""
        yield from self.shape.fields("aspectRatio", "durationSeconds")
        yield replace(NEGATIVE_PROMPT, wire="negativePrompt")
        yield PERSONS
        yield FIRST_FRAME
        yield LAST_FRAME
        if self.most_references:
            yield references(Medium(Kind.IMAGE, self.most_references))

    def rules(self) -> Iterator[Rule]:
        """What one field means for another."""
        if not self.shape.is_open:
            yield from LARGE_ARE_LONG
        if self.most_references:
            yield from OF_REFERENCES

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            price=self.price,
            fields=tuple(self.fields()),
            rules=tuple(self.rules()),
        )


ROWS = (
    Row(
        "veo-3.1-generate-preview",
        FULL,
        Price(Unit.USD, "official", (per_second("0.60", resolution="4k"), per_second("0.40"))),
        most_references=3,
    ),
    Row(
        "veo-3.1-fast-generate-preview",
        FULL,
        Price(
            Unit.USD,
            "seen",
            (
                per_second("0.30", resolution="4k"),
                per_second("0.12", resolution="1080p"),
                per_second("0.10"),
            ),
        ),
        most_references=3,
    ),
    Row(
        "veo-3.1-lite-generate-preview",
        LITE,
        Price(Unit.USD, "seen", (per_second("0.08", resolution="1080p"), per_second("0.05"))),
    ),
)


def rows_with(more: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    return with_named(ROWS, more, Row)
