"""Seedance's models at Ark: which field each takes, and what its tokens cost, as data.

A field that a model does not take is refused there. Ids, fields and list prices: third parties that
read docs.byteplus.com/en/docs/ModelArk/{1330310,1520757,1544106} in September 2026, or asked the
API itself in July 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    AUDIO,
    FIRST_FRAME,
    LAST_FRAME,
    REFERENCES,
    SEED,
    Field,
    FieldType,
    Medium,
    references,
)
from reelgate.domain.price import Money, Per, Price, Rate, Unit
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind
from reelgate.domain.video import Duration
from reelgate.providers.shapes import CREATED, OPEN, Shape, with_named

OWNER = "bytedance"
ADAPTIVE = "adaptive"
"""The ratio that follows the picture, or that the model chooses."""
RATIOS = ("16:9", "9:16", "4:3", "3:4", "1:1", "21:9", ADAPTIVE)
PIXELS = {"480p": 864 * 496, "720p": 1280 * 720, "1080p": 1920 * 1080}
"""Of a frame of 16:9; other ratios have up to 4 % more or less."""
FRAMES_PER_S, PIXELS_PER_TOKEN = 24, 1024
"""A video has width x height x seconds x frames a second / 1024 tokens."""
MILLION = 1_000_000
MAX_SEED = 2**32 - 1

SEEDED = replace(SEED, minimum=0, maximum=MAX_SEED, wire="seed")
SOUND = replace(AUDIO, wire="generate_audio")
CAMERA_FIXED = Field(
    name="camera_fixed",
    type=FieldType.BOOLEAN,
    help="Keep the camera where it is.",
    default=False,
    wire="camera_fixed",
)
WATERMARK = Field(
    name="watermark",
    type=FieldType.BOOLEAN,
    help="Put a watermark into the picture.",
    default=False,
    wire="watermark",
)
FOLLOW_PICTURE = Rule(field=FIRST_FRAME.name, other="aspect_ratio", only=(ADAPTIVE, *RATIOS[:-1]))
ONLY_FOLLOW_PICTURE = replace(FOLLOW_PICTURE, only=(ADAPTIVE,))
FRAMES_OR_REFERENCES = Rule(field=REFERENCES.name, other=FIRST_FRAME.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model.

    Attributes:
        id: its name there, which is its name as well.
        shape: what its videos can look like.
        fields_of_it: its fields with plain values beside these.
        has_last_frame: whether a video can end with a picture.
        media: the references that it takes instead of frames.
        rules: what one field means for another.
        usd_per_million: what a million tokens cost, by resolution; nothing: nobody tells.
    """

    id: str
    shape: Shape = OPEN
    fields_of_it: tuple[Field, ...] = (SEEDED, SOUND, WATERMARK)
    has_last_frame: bool = True
    media: tuple[Medium, ...] = (Medium(Kind.IMAGE, 9),)
    rules: tuple[Rule, ...] = ()
    usd_per_million: Mapping[str, str] = field(default_factory=dict)

    @property
    def takes_seed(self) -> bool:
        """Whether it is known to take one."""
        return SEEDED in self.fields_of_it and not self.shape.is_open

    def fields(self) -> Iterator[Field]:
        """The fields it takes, by Ark's names."""
        yield from self.shape.fields("ratio")
        yield from self.fields_of_it
        yield FIRST_FRAME
        if self.has_last_frame:
            yield LAST_FRAME
        if self.media:
            yield references(*self.media)

    def price(self) -> Price | None:
        """What a second costs, by its tokens."""
        rates = tuple(
            Rate(
                Decimal(usd) * PIXELS[name] * FRAMES_PER_S / PIXELS_PER_TOKEN / MILLION,
                Per.SECOND,
                {"resolution": name},
            )
            for name, usd in self.usd_per_million.items()
            if name in PIXELS
        )
        return Price(Unit.USD, "seen", rates) if rates else None

    def cost(self, tokens: int, resolution: str) -> Money | None:
        """What a video of so many tokens cost; None where nobody tells."""
        usd = self.usd_per_million.get(resolution)
        return None if usd is None else Money.of(Decimal(usd) * tokens / MILLION, Unit.USD)

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            price=self.price(),
            fields=tuple(self.fields()),
            rules=(*([FRAMES_OR_REFERENCES] if self.media else []), *self.rules),
        )


def seconds(least: int, most: int, *, auto: bool = True) -> tuple[Duration, ...]:
    """The durations between these, 5 s first."""
    by_model: tuple[Duration, ...] = ("auto",) if auto else ()
    return (DEFAULT_S, *by_model, *(each for each in range(least, most + 1) if each != DEFAULT_S))


DEFAULT_S = 5
HD = ("720p", "480p", "1080p")
LOUD = (replace(SOUND, default=True), WATERMARK)
SILENT = (SEEDED, CAMERA_FIXED, WATERMARK)
# A sound needs a picture beside it. A video is taken by address alone, and costs otherwise.
PICTURES_AND_SOUNDS = (Medium(Kind.IMAGE, 9, least=1), Medium(Kind.AUDIO, 3))


def _second(model: str, resolutions: tuple[str, ...], **usd_per_million: str) -> Row:
    return Row(
        id=model,
        shape=Shape(ratios=RATIOS, durations=seconds(4, 15), resolutions=resolutions),
        fields_of_it=LOUD,
        media=PICTURES_AND_SOUNDS,
        rules=(FOLLOW_PICTURE,),
        usd_per_million={name.removeprefix("r"): usd for name, usd in usd_per_million.items()},
    )


def _first(model: str, *, has_last_frame: bool, usd_per_million: Mapping[str, str]) -> Row:
    return Row(
        id=model,
        shape=Shape(ratios=RATIOS, durations=seconds(2, 12, auto=False), resolutions=HD),
        fields_of_it=SILENT,
        has_last_frame=has_last_frame,
        media=(),
        rules=(FOLLOW_PICTURE,),
        usd_per_million=usd_per_million,
    )


ROWS = (
    _second(
        "dreamina-seedance-2-0-260128",
        (*HD, "4k"),
        r480p="7.0",
        r720p="7.0",
        r1080p="7.7",
        r4k="4.0",
    ),
    _second("dreamina-seedance-2-0-fast-260128", HD[:2], r480p="5.6", r720p="5.6"),
    _second("dreamina-seedance-2-0-mini-260615", HD[:2], r480p="3.5", r720p="3.5"),
    Row(
        id="dreamina-seedance-2-5-260628",
        shape=Shape(ratios=RATIOS, durations=seconds(4, 30), resolutions=HD),
        fields_of_it=LOUD,
        media=(Medium(Kind.IMAGE, 30), Medium(Kind.AUDIO, 10)),
        rules=(ONLY_FOLLOW_PICTURE,),
        usd_per_million={"480p": "10.70", "720p": "10.70", "1080p": "11.7"},
    ),
    _first(
        "seedance-1-0-pro-250528",
        has_last_frame=True,
        usd_per_million=dict.fromkeys(HD, "2.5"),
    ),
    _first("seedance-1-0-pro-fast-251015", has_last_frame=False, usd_per_million={}),
)


def rows_with(more: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    return with_named(ROWS, more, lambda name: Row(id=name))
