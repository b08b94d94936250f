"""OpenRouter's video models, as its own catalogue tells them.

`GET /videos/models` [official] tells what each model takes and what it costs; it is asked for when
the gateway starts. What stands here is some of it as third parties wrote it down [seen], for starts
at which nothing was ever told. A parameter that a model passes through to its vendor is not
offered: it is sent under the name of the vendor that OpenRouter chooses, which nobody knows before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    AUDIO,
    FIRST_FRAME,
    LAST_FRAME,
    REFERENCES,
    SEED,
    Field,
    Medium,
    references,
)
from reelgate.domain.price import Per, Price, Rate, Unit
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind
from reelgate.providers.api_settings import MODEL_ID
from reelgate.providers.payload import first_object, text_in
from reelgate.providers.shapes import CREATED, MAX_SECONDS, OPEN, Shape

T = TypeVar("T")

OWNER = "openrouter"
MOST_REFERENCES = 9
"""Assumed: how many a model takes the catalogue does not tell."""
FIRST_CHOICES = ("16:9", "720p")
"""What a request means that leaves it out, where a model makes it."""
NO_BOTH = (Rule(field=REFERENCES.name, other=FIRST_FRAME.name),)
"""Official: with frames the references are left out without a word."""
PER_SECOND = re.compile(
    r"(?P<mode>text_to_video_|image_to_video_)?"
    r"(?P<unit>duration_seconds|cents_per_second_output|cents_per_video_output_second"
    r"|per-video-second)"
    r"(?P<audio>_with_audio|_without_audio)?(?:[_-](?P<resolution>\d+[pk]))?"
)
"""A SKU of the catalogue that is so much for each second. Official: `per-video-second`; seen: the
others, in answers that third parties keep."""
PER_PICTURE = frozenset({"reference_images", "cents_per_image_input"})
NEVER_ASKED_FOR = re.compile(r"cents_per_second_video_continuation.*|reference_duration_seconds.*")
"""What is paid for things that a request of ours does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model.

    Attributes:
        id: its name there.
        shape: what its videos can look like.
        own: the other fields it takes.
        rules: what one of them means for another.
        price: None where the catalogue's cannot be read.
        created: Unix seconds.
    """

    id: str
    shape: Shape = OPEN
    own: tuple[Field, ...] = (replace(SEED, wire="seed"), FIRST_FRAME)
    rules: tuple[Rule, ...] = ()
    price: Price | None = None
    created: int = CREATED

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=self.created,
            price=self.price,
            fields=(*self.shape.fields(), *self.own),
            rules=self.rules,
        )


def rows_with(more: Iterable[str], told: object = None) -> tuple[Row, ...]:
    """The models of a catalogue, or our own where it has none, and those that a user names."""
    rows = {row.id: row for row in rows_in(told, "official") or rows_in(SEEN, "seen")}
    named = {name: Row(id=name) for name in more}
    return tuple((named | rows).values())


def rows_in(told: object, certainty: str) -> tuple[Row, ...]:
    """The models in the answer to `GET /videos/models`; what cannot be read is left out."""
    listed = first_object(told).get("data")
    entries = map(first_object, listed if isinstance(listed, list) else ())
    rows = [row_in(entry, certainty) for entry in entries]
    return tuple(row for row in rows if MODEL_ID.fullmatch(row.id))


def row_in(entry: Mapping[str, Any], certainty: str) -> Row:
    """One model of the catalogue."""
    shape = Shape(
        ratios=preferred(texts(entry, "supported_aspect_ratios")),
        durations=numbers(entry, "supported_durations"),
        resolutions=preferred(texts(entry, "supported_resolutions")),
    )
    own = tuple(own_fields(entry))
    created = entry.get("created")
    return Row(
        id=text_in(entry, "id"),
        shape=shape,
        own=own,
        rules=NO_BOTH if FIRST_FRAME in own else (),
        price=price_in(first_object(entry.get("pricing_skus")), shape, own, certainty),
        created=created if isinstance(created, int) else CREATED,
    )


def own_fields(entry: Mapping[str, Any]) -> Iterator[Field]:
    """The fields beside the shape, by OpenRouter's names."""
    if entry.get("seed") is True:
        yield replace(SEED, wire="seed")
    if entry.get("generate_audio") is True:
        yield replace(AUDIO, default=True, wire="generate_audio")
    frames = texts(entry, "supported_frame_images")
    if "first_frame" in frames:
        yield FIRST_FRAME
        if "last_frame" in frames:
            yield LAST_FRAME
    yield references(Medium(Kind.IMAGE, MOST_REFERENCES))


def price_in(
    skus: Mapping[str, Any], shape: Shape, own: Sequence[Field], certainty: str
) -> Price | None:
    """The price by a model's SKUs; None where one of them says more than rows can.

    Where each picture costs as well, the price is that of a video without any.
    """
    fields = {row.name for row in own}
    pictures = fields & {FIRST_FRAME.name, REFERENCES.name}
    unpictured = dict.fromkeys(pictures, False) if PER_PICTURE & skus.keys() else {}
    rates: list[tuple[tuple[int, bool], Rate]] = []
    for name, told in skus.items():
        if name in PER_PICTURE or NEVER_ASKED_FOR.fullmatch(name):
            continue
        found = PER_SECOND.fullmatch(name)
        amount = dollars(told, found["unit"]) if found else None
        if found is None or amount is None:
            return None
        when = conditions(found, shape, fields)
        if when is not None:
            # The most particular one counts, and sound before resolution.
            order = (-len(when), AUDIO.name not in when)
            rates.append((order, Rate(amount, Per.SECOND, unpictured | when)))
    rates.sort(key=lambda each: each[0])
    return Price(Unit.USD, certainty, tuple(rate for _, rate in rates)) if rates else None


def conditions(found: re.Match[str], shape: Shape, fields: set[str]) -> dict[str, object] | None:
    """The requests that a SKU is the price of; None where a model has no such."""
    when: dict[str, object] = {}
    if found["audio"]:
        has_sound = found["audio"] == "_with_audio"
        if AUDIO.name in fields:
            when[AUDIO.name] = has_sound
        elif not has_sound:
            return None
    if found["resolution"]:
        named = [each for each in shape.resolutions if each.lower() == found["resolution"]]
        if not named:
            return None
        when["resolution"] = named[0]
    if found["mode"]:
        begins_with_picture = found["mode"].startswith("image")
        if FIRST_FRAME.name in fields:
            when[FIRST_FRAME.name] = begins_with_picture
        elif begins_with_picture:
            return None
    return when


def dollars(told: object, unit: str) -> Decimal | None:
    """A SKU's amount in dollars; None where it is none."""
    try:
        amount = Decimal(str(told))
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount < 0:
        return None
    return amount / 100 if unit.startswith("cents") else amount


def texts(entry: Mapping[str, Any], name: str) -> list[str]:
    """The texts in a list of the catalogue; empty where it is null."""
    listed = entry.get(name)
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def numbers(entry: Mapping[str, Any], name: str) -> list[int]:
    """The seconds in a list of the catalogue."""
    listed = entry.get(name)
    told = listed if isinstance(listed, list) else []
    return [each for each in told if type(each) is int and 1 <= each <= MAX_SECONDS]


def preferred(values: list[T]) -> list[T]:
    """The same with what most people want first."""
    return sorted(values, key=lambda each: each not in FIRST_CHOICES)


SEEN = {
    "data": [
        {
            "id": "google/veo-3.1",
            "supported_durations": [8, 6, 4],
            "supported_resolutions": ["720p", "1080p", "4K"],
            "supported_aspect_ratios": ["16:9", "9:16"],
            "supported_frame_images": ["first_frame", "last_frame"],
            "generate_audio": True,
            "seed": True,
            "pricing_skus": {
                "duration_seconds_with_audio": "0.40",
                "duration_seconds_without_audio": "0.20",
                "duration_seconds_with_audio_4k": "0.60",
                "duration_seconds_without_audio_4k": "0.40",
            },
        },
        {
            "id": "runway/gen-4.5",
            "supported_durations": [5, 2, 3, 4, 6, 7, 8, 9, 10],
            "supported_resolutions": ["720p"],
            "supported_aspect_ratios": ["16:9", "9:16"],
            "supported_frame_images": ["first_frame"],
            "generate_audio": False,
            "seed": True,
            "pricing_skus": {"cents_per_second_output": "12"},
        },
        {
            "id": "alibaba/happyhorse-1.1",
            "supported_durations": [5, *range(3, 5), *range(6, 16)],
            "supported_resolutions": ["720p", "1080p"],
            "supported_aspect_ratios": ["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21"],
            "supported_frame_images": ["first_frame"],
            "generate_audio": False,
            "seed": True,
            "pricing_skus": {
                "duration_seconds_720p": "0.0988",
                "duration_seconds_1080p": "0.1278",
            },
        },
    ]
}
