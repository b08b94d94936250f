"""Runway's video models: their fields, sizes in pixels and prices, as data.

Fields and sizes: the types of Runway's own Python client, which are made of its OpenAPI document.
Credits a second: Runway's own skills on GitHub. Where these give a span, without and with sound,
which end is which is seen by third parties. A credit costs a cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    AUDIO,
    FIRST_FRAME,
    LAST_FRAME,
    NEGATIVE_PROMPT,
    PROMPT,
    REFERENCES,
    SEED,
    Field,
    FieldType,
    Medium,
    references,
)
from reelgate.domain.price import Price, Rate, Unit, per_second
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind
from reelgate.domain.sizes import frame_size
from reelgate.domain.video import Duration, VideoRequest
from reelgate.providers.shapes import CREATED, OPEN, Shape, with_named

USD_PER_CREDIT = Decimal("0.01")
FIGURES = Field(
    name="publicFigureThreshold",
    type=FieldType.TEXT,
    help="How strictly moderation looks for public figures.",
    allowed=("auto", "low"),
)
SHORT_PROMPT = replace(PROMPT, help="What the video shows: 1 to 1000 characters.", maximum=1000)
SEEDED = replace(SEED, wire="seed")
NEGATIVE = replace(NEGATIVE_PROMPT, wire="negativePrompt")
SOUND = replace(AUDIO, wire="audio")
NEEDED_FRAME = replace(FIRST_FRAME, is_required=True)
NO_FRAMES_BESIDE = (Rule(field=REFERENCES.name, other=FIRST_FRAME.name),)

Sizes = Mapping[tuple[str, str], str]
"""A size in pixels, as the API calls it, by aspect ratio and resolution."""


def sizes_of(resolution: str, **pixels: str) -> dict[tuple[str, str], str]:
    """Sizes of one resolution by aspect ratio, which is written `r16_9`."""
    return {
        (name.removeprefix("r").replace("_", ":"), resolution): size.replace("x", ":")
        for name, size in pixels.items()
    }


WIDE_OR_HIGH = sizes_of("720p", r16_9="1280x720", r9_16="720x1280")
VEO = WIDE_OR_HIGH | sizes_of("1080p", r16_9="1920x1080", r9_16="1080x1920")
TURBO = WIDE_OR_HIGH | sizes_of(
    "720p", r4_3="1104x832", r3_4="832x1104", r1_1="960x960", r21_9="1584x672"
)
SEEDANCE_FAST = {
    **sizes_of(
        "720p",
        r16_9="1280x720",
        r21_9="1470x630",
        r4_3="1112x834",
        r1_1="960x960",
        r3_4="834x1112",
        r9_16="720x1280",
    ),
    **sizes_of(
        "480p",
        r16_9="864x496",
        r21_9="992x432",
        r4_3="752x560",
        r1_1="640x640",
        r3_4="560x752",
        r9_16="496x864",
    ),
}
SEEDANCE = {
    **SEEDANCE_FAST,
    **sizes_of(
        "1080p",
        r16_9="1920x1080",
        r21_9="2206x946",
        r4_3="1664x1248",
        r1_1="1440x1440",
        r3_4="1248x1664",
        r9_16="1080x1920",
    ),
    **sizes_of(
        "4k",
        r16_9="3840x2160",
        r21_9="3840x1646",
        r4_3="3840x2880",
        r1_1="3840x3840",
        r3_4="2880x3840",
        r9_16="2160x3840",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model.

    Attributes:
        id: its name there, which is its name as well.
        sizes: its sizes; empty where they are not known.
        durations: seconds, the default first; empty: any.
        more: its other fields.
        rules: what one field means for another.
        price: None where nobody tells it.
    """

    id: str
    sizes: Sizes
    durations: tuple[Duration, ...]
    more: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()
    price: Price | None = None

    def fields(self) -> Iterator[Field]:
        """The fields it takes; ratio and resolution go to the API as one size."""
        shape = Shape(
            ratios=tuple(dict.fromkeys(ratio for ratio, _ in self.sizes)),
            durations=self.durations,
            resolutions=tuple(dict.fromkeys(resolution for _, resolution in self.sizes)),
        )
        yield from without_size((shape if self.sizes else OPEN).fields())
        yield from self.more

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by="runway",
            created=CREATED,
            price=self.price,
            fields=tuple(self.fields()),
            rules=self.rules,
        )

    def size(self, request: VideoRequest) -> str | None:
        """What a request's frame is called there."""
        told = self.sizes.get((request.aspect_ratio or "", request.resolution or ""))
        other = frame_size(request.aspect_ratio, request.resolution)
        return told or (other and other.replace("x", ":"))


def without_size(rows: Iterable[Field]) -> Iterator[Field]:
    """The rows of a shape, of which the adapter sends ratio and resolution itself."""
    for row in rows:
        yield row if row.name == "duration" else replace(row, wire=None)


def credits_a_second(certainty: str, *rates: Rate) -> Price:
    """A price in Runway's credits."""
    return Price(Unit.CREDITS, certainty, rates, USD_PER_CREDIT)


SEEDANCE_SECONDS: tuple[Duration, ...] = (5, "auto", 4, *range(6, 16))
OF_VEO = (SHORT_PROMPT, SEEDED, NEGATIVE, SOUND, FIRST_FRAME, LAST_FRAME)
OF_SEEDANCE = (
    SEEDED,
    SOUND,
    FIRST_FRAME,
    LAST_FRAME,
    references(Medium(Kind.IMAGE, 9)),
)
ROWS = (
    Row(
        id="gen4.5",
        # With a picture it takes more sizes, which no rule here could tie to the picture.
        sizes=WIDE_OR_HIGH,
        durations=(5, *range(2, 5), *range(6, 11)),
        more=(SHORT_PROMPT, SEEDED, FIGURES, FIRST_FRAME),
        price=credits_a_second("official", per_second(12)),
    ),
    Row(
        id="gen4_turbo",
        sizes=TURBO,
        durations=(5, 10),
        more=(SHORT_PROMPT, SEEDED, FIGURES, NEEDED_FRAME),
        price=credits_a_second("official", per_second(5)),
    ),
    Row(
        id="veo3.1",
        sizes=VEO,
        durations=(8, 6, 4),
        more=OF_VEO,
        price=credits_a_second("seen", per_second(20, audio=False), per_second(40)),
    ),
    Row(
        id="veo3.1_fast",
        sizes=VEO,
        durations=(8, 6, 4),
        more=OF_VEO,
        price=credits_a_second("seen", per_second(10, audio=False), per_second(15)),
    ),
    Row(
        id="seedance2",
        sizes=SEEDANCE,
        durations=SEEDANCE_SECONDS,
        more=OF_SEEDANCE,
        rules=NO_FRAMES_BESIDE,
    ),
    Row(
        id="seedance2_fast",
        sizes=SEEDANCE_FAST,
        durations=SEEDANCE_SECONDS,
        more=OF_SEEDANCE,
        rules=NO_FRAMES_BESIDE,
    ),
    Row(
        id="gemini_omni_flash",
        sizes=WIDE_OR_HIGH,
        durations=(5, 3, 4, *range(6, 11)),
        more=(FIRST_FRAME,),
    ),
)


def open_row(model: str) -> Row:
    """A model of which only the name is known."""
    return Row(id=model, sizes={}, durations=(), more=(SEEDED, NEGATIVE, SOUND, FIRST_FRAME))


def rows_with(more: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    return with_named(ROWS, more, open_row)
