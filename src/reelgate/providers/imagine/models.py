"""The models of imagine.art's web API, and how long they usually take."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    ASPECT_RATIO,
    DURATION,
    FIRST_FRAME,
    REFERENCES,
    RESOLUTION,
    Field,
    FieldType,
    Medium,
    Spelling,
    references,
)
from reelgate.domain.price import Price, Unit, per_video
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind
from reelgate.domain.video import Duration, VideoRequest

OWNER = "imagine.art"
SEED_MODEL = "imagine-text-to-video"
SEED_STYLE = 60503
SEEDANCE_2_5 = "seedance-2.5"
ADAPTIVE = "adaptive"
"""The aspect ratio that the model chooses itself."""
# 1 January 2024. The vendor tells no dates: the same one is assumed for every model.
CREATED = 1704067200
PICTURES_ONLY = {Kind.IMAGE: "image_url"}
"""The parts of a submit that hold references, as far as any source tells them."""
USUAL_ASPECT_RATIO = "16:9"
USUAL_SECONDS = 5

STYLE = Field(
    name="style_id",
    type=FieldType.INTEGER,
    help="The style's number.",
    job=(Spelling("style_id", f"{SEED_MODEL}: the style's number."),),
)
"""Each model is a style to the vendor; only its own model takes another one."""
ENHANCEMENT = Field(
    name="is_enhance", type=FieldType.BOOLEAN, help="Let the model improve the prompt."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        duration: the one that is used where a request names none; None: about 5 s.
        resolution: likewise; None: the first.
        takes_reference: whether it animates a picture. Nobody documents which do: assumed where
            the vendor offers it.
        ratio_with_picture: the only aspect ratio that goes with a picture; None: any.
        references: what it takes of pictures, videos and sounds in `reference_to_video`, where the
            vendor's own tool offers that [seen]; how many of them nobody tells: assumed.
        takes_style: whether a request may name another style, and have its prompt enhanced.
        price: in credits, for the shortest video with default settings.
        price_certainty: where the price is from.
    """

    id: str
    style_id: int
    aspect_ratios: tuple[str, ...] = ()
    durations: tuple[Duration, ...] = ()
    resolutions: tuple[str, ...] = ()
    takes_reference: bool = False
    references: tuple[Medium, ...] = ()
    own: tuple[Field, ...] = ()
    duration: Duration | None = None
    resolution: str | None = None
    ratio_with_picture: str | None = None
    takes_style: bool = False
    price: int | None = None
    price_certainty: str = "seen"


def _seconds(first: int, last: int) -> tuple[Duration, ...]:
    return tuple(range(first, last + 1))


_SEEDANCE = ("21:9", "16:9", "9:16", "3:4", "4:3", "1:1")
_SEEDANCE_2 = (*_SEEDANCE, "auto")
_SEEDANCE_FAST = ("16:9", "4:3", "1:1", "9:16", "21:9", "3:4")
_WIDE = ("16:9", "9:16")
_KLING = ("16:9", "9:16", "1:1")
_COMMON = ("16:9", "9:16", "1:1", "4:3", "3:4")
_PIXVERSE = ("16:9", "9:16", "4:3", "3:4", "1:1", "2:3", "3:2", "21:9")
_HD = ("720p", "1080p")
_VEO = ("720p", "1080p", "4k")
_PIXVERSE_SIZES = ("360p", "540p", "720p", "1080p")
_ANYTHING = (Medium(Kind.IMAGE, 9), Medium(Kind.VIDEO, 3), Medium(Kind.AUDIO, 3))
_AUTO_4_15: tuple[Duration, ...] = ("auto", *_seconds(4, 15))

ROWS = (
    Row(
        SEED_MODEL,
        SEED_STYLE,
        ("16:9", "9:16", "4:3", "1:1"),
        (5, 6, 12),
        _HD,
        duration=12,
        resolution="1080p",
        takes_style=True,
    ),
    Row(
        "seedance-2.0",
        21905,
        _SEEDANCE_2,
        _AUTO_4_15,
        ("480p", *_HD),
        takes_reference=True,
        references=_ANYTHING,
    ),
    Row(
        "seedance-2.0-fast",
        21906,
        _SEEDANCE_2,
        _AUTO_4_15,
        ("480p", "720p"),
        takes_reference=True,
        references=_ANYTHING,
    ),
    Row("seedance-1.5-pro", 40005, _SEEDANCE, _seconds(4, 12), ("480p", "720p")),
    Row("seedance-pro-fast", 40004, _SEEDANCE_FAST, _seconds(3, 12), ("480p", *_HD), price=150),
    Row(
        "veo-3.1",
        17001,
        _WIDE,
        (4, 6, 8),
        _VEO,
        takes_reference=True,
        references=(Medium(Kind.IMAGE, 3),),
        price=900,
    ),
    Row("veo-3.1-fast", 17002, _WIDE, (4, 6, 8), _VEO, takes_reference=True),
    Row("kling-3.0-pro", 11020, _KLING, _seconds(3, 15), takes_reference=True, price=300),
    Row("kling-o3", 11021, _KLING, _seconds(3, 15), takes_reference=True),
    Row("kling-2.6-pro", 11017, _KLING, (5, 10), takes_reference=True),
    Row("ltx-2.3", 23202, _WIDE, (6, 8, 10), ("1080p", "1440p", "2160p"), price=215),
    Row(
        "wan-2.6",
        22309,
        _COMMON,
        (5, 10, 15),
        _HD,
        takes_reference=True,
        references=(Medium(Kind.VIDEO, 1, least=1),),
    ),
    # Always 16:9 and 4 s long: it takes neither field.
    Row("wan-2.2", 22701, price=30),
    Row(
        "happy_horse",
        23401,
        _COMMON,
        _seconds(3, 15),
        _HD,
        takes_reference=True,
        references=(Medium(Kind.IMAGE, 9, least=1),),
    ),
    Row("pixverse-v6", 14010, _PIXVERSE, _seconds(1, 15), _PIXVERSE_SIZES, takes_reference=True),
)


def seedance_2_5(style_id: int) -> Row:
    """The model whose style no source tells: it is there only where a setting does."""
    return Row(
        SEEDANCE_2_5,
        style_id,
        ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", ADAPTIVE),
        _seconds(4, 30),
        ("480p", "720p"),
        takes_reference=True,
        references=_ANYTHING,
        ratio_with_picture=ADAPTIVE,
    )


def imagine_models(
    provider: str,
    rows: Iterable[Row] | None = None,
    reference_parts: Mapping[Kind, str] = PICTURES_ONLY,
) -> tuple[Model, ...]:
    """Every model, the one with published defaults first, as those of this provider.

    `reference_parts`: the parts of a submit by which references go there, of each kind that can.
    """
    kinds = reference_parts.keys()
    return tuple(model_of(row, provider, kinds) for row in (ROWS if rows is None else rows))


def model_of(row: Row, provider: str, kinds: Collection[Kind]) -> Model:
    """A row of the table with its defaults; `kinds`: the references that can be sent at all."""
    ratios, durations, resolutions = row.aspect_ratios, row.durations, row.resolutions
    usual_s = row.duration if row.duration in durations else usual_duration(durations)
    usual_side = row.resolution if row.resolution in resolutions else next(iter(resolutions), None)
    style = replace(STYLE, default=row.style_id)
    enhancement = replace(ENHANCEMENT, default=True)
    if not row.takes_style:
        style = replace(style, allowed=())
        enhancement = replace(ENHANCEMENT, allowed=())
    return Model(
        id=row.id,
        provider=provider,
        owned_by=OWNER,
        created=CREATED,
        price=price_of_row(row, usual_side),
        fields=(
            replace(
                ASPECT_RATIO,
                allowed=ratios,
                default=usual_aspect_ratio(ratios),
            ),
            replace(DURATION, allowed=durations, default=usual_s),
            replace(RESOLUTION, allowed=resolutions, default=usual_side),
            style,
            enhancement,
            *((FIRST_FRAME,) if row.takes_reference else ()),
            *references_of(row, kinds),
            *row.own,
        ),
        rules=rules_of(row),
    )


def references_of(row: Row, kinds: Collection[Kind]) -> Iterator[Field]:
    """The field of a model that takes references, if what it needs of them can be sent."""
    media = tuple(each for each in row.references if each.kind in kinds)
    if media and not any(each.least for each in row.references if each not in media):
        yield references(*media)


def rules_of(row: Row) -> tuple[Rule, ...]:
    """A picture to start from beside references would be one of these; see `wire.variation_of`."""
    alone = Rule(field=REFERENCES.name, other=FIRST_FRAME.name)
    rules = (alone,) if row.references else ()
    if row.ratio_with_picture is None:
        return rules
    adaptive = (row.ratio_with_picture,)
    return (*rules, Rule(field=FIRST_FRAME.name, other=ASPECT_RATIO.name, only=adaptive))


def price_of_row(row: Row, usual_side: str | None) -> Price | None:
    """The price of the shortest video at the usual resolution; nobody tells the others'."""
    if row.price is None:
        return None
    shortest = min((each for each in row.durations if isinstance(each, int)), default=None)
    when = {"duration": shortest, "resolution": usual_side}
    only = {name: value for name, value in when.items() if value is not None}
    return Price(Unit.CREDITS, row.price_certainty, (per_video(row.price, **only),))


def usual_aspect_ratio(allowed: tuple[str, ...]) -> str | None:
    """16:9 where it is allowed, else the first; None when the model takes none."""
    if USUAL_ASPECT_RATIO in allowed:
        return USUAL_ASPECT_RATIO
    return allowed[0] if allowed else None


def usual_duration(allowed: tuple[Duration, ...]) -> Duration | None:
    """5 s or the next longer duration, else the longest; None when the model takes none."""
    seconds = sorted(duration for duration in allowed if isinstance(duration, int))
    if not seconds:
        return allowed[0] if allowed else None
    return next((each for each in seconds if each >= USUAL_SECONDS), seconds[-1])


# Published: 5 s and 6 s at 720p, and 12 s at 1080p, which takes 120 to 180 s.
# The last one is brought down to 720p by the factor below.
POINTS_AT_720P = ((5, 60.0, 90.0), (6, 70.0, 100.0), (12, 96.0, 144.0))
# Assumed: nobody publishes one duration at two resolutions.
RESOLUTION_FACTOR: Mapping[str | None, float] = {"480p": 0.8, "720p": 1.0, "1080p": 1.25}


def typical_s(request: VideoRequest) -> tuple[float, float] | None:
    """The shortest and longest usual time in seconds; None where nothing is published."""
    factor = RESOLUTION_FACTOR.get(request.resolution)
    if request.model != SEED_MODEL or factor is None or not isinstance(request.duration, int):
        return None
    shortest_s, longest_s = at_720p_s(request.duration)
    return shortest_s * factor, longest_s * factor


def at_720p_s(duration: int) -> tuple[float, float]:
    """The usual times at 720p: straight lines through the published points, level beyond them."""
    first, last = POINTS_AT_720P[0], POINTS_AT_720P[-1]
    seconds = min(max(duration, first[0]), last[0])
    for (left, low_a, high_a), (right, low_b, high_b) in pairwise(POINTS_AT_720P):
        if seconds <= right:
            part = (seconds - left) / (right - left)
            return low_a + part * (low_b - low_a), high_a + part * (high_b - high_a)
    return last[1], last[2]
