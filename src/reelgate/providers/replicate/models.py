"""Replicate's video models: the fields of their inputs by the models' own names, as data.

Every model there has a schema of its own; what stands here is seen in clients that third parties
generated from these. Any other model can be named in the settings, with its version where it is no
official one: `owner/name:version`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    AUDIO,
    FIRST_FRAME,
    LAST_FRAME,
    NEGATIVE_PROMPT,
    REFERENCES,
    SEED,
    Field,
    FieldType,
    Medium,
    references,
)
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind, Role
from reelgate.providers.shapes import CREATED, OPEN, Shape, with_named

SEEDED = replace(SEED, wire="seed")
NEGATIVE = replace(NEGATIVE_PROMPT, wire="negative_prompt")
SOUND = replace(AUDIO, wire="generate_audio")
LOUD = replace(SOUND, default=True)
CAMERA_FIXED = Field(
    name="camera_fixed",
    type=FieldType.BOOLEAN,
    help="Keep the camera where it is.",
    default=False,
    wire="camera_fixed",
)
MOST_REFERENCES = 3
OF_REFERENCES = (
    Rule(field=REFERENCES.name, other=LAST_FRAME.name),
    Rule(field=REFERENCES.name, other="duration", only=(8,)),
    Rule(field=REFERENCES.name, other="aspect_ratio", only=("16:9",)),
)
VEO = Shape(ratios=("16:9", "9:16"), durations=(8, 6, 4), resolutions=("1080p", "720p"))
KLING = Shape(ratios=("16:9", "9:16", "1:1"), durations=(5, 10))
SEEDANCE = Shape(
    ratios=("16:9", "21:9", "4:3", "1:1", "3:4", "9:16"),
    durations=(5, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12),
    resolutions=("1080p", "480p", "720p"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        id: `owner/name`, with `:version` where it is no official one, or a version alone.
        shape: what its videos can look like.
        more: the other fields with plain values.
        pictures: what its input calls a picture of each role that it takes.
        rules: what one field means for another.
    """

    id: str
    shape: Shape = OPEN
    more: tuple[Field, ...] = (SEEDED, NEGATIVE, SOUND)
    pictures: Mapping[Role, str] = field(default_factory=lambda: {Role.FIRST_FRAME: "image"})
    rules: tuple[Rule, ...] = ()

    @property
    def is_official(self) -> bool:
        """Whether it is asked for by its name, and not as a version."""
        return "/" in self.id and ":" not in self.id

    def fields(self) -> Iterator[Field]:
        """The fields it takes, by its own names."""
        yield from self.shape.fields()
        yield from self.more
        if Role.FIRST_FRAME in self.pictures:
            yield FIRST_FRAME
        if Role.LAST_FRAME in self.pictures:
            yield LAST_FRAME
        if Role.REFERENCE in self.pictures:
            yield references(Medium(Kind.IMAGE, MOST_REFERENCES))

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=self.id.partition("/")[0],
            created=CREATED,
            fields=tuple(self.fields()),
            rules=self.rules,
        )


VEO_PICTURES = {Role.FIRST_FRAME: "image", Role.LAST_FRAME: "last_frame"}
ROWS = (
    Row(
        "google/veo-3.1",
        VEO,
        (SEEDED, NEGATIVE, LOUD),
        {**VEO_PICTURES, Role.REFERENCE: "reference_images"},
        OF_REFERENCES,
    ),
    Row("google/veo-3.1-fast", VEO, (SEEDED, NEGATIVE, LOUD), VEO_PICTURES),
    Row("kwaivgi/kling-v2.5-turbo-pro", KLING, (NEGATIVE,), {Role.FIRST_FRAME: "start_image"}),
    Row(
        "kwaivgi/kling-v3-video",
        replace(KLING, durations=(5, 10, 15)),
        (NEGATIVE, LOUD),
        {Role.FIRST_FRAME: "start_image"},
    ),
    Row(
        "bytedance/seedance-1-pro",
        SEEDANCE,
        (SEEDED, CAMERA_FIXED),
        {Role.FIRST_FRAME: "image", Role.LAST_FRAME: "last_frame_image"},
    ),
    Row(
        "runwayml/gen-4.5",
        Shape(ratios=("16:9", "9:16", "1:1", "4:3", "3:4"), durations=(5, 10)),
        (SEEDED,),
    ),
    Row(
        "wan-video/wan-2.7-t2v",
        Shape(
            ratios=("16:9", "9:16", "1:1"),
            durations=(5, *range(2, 5), *range(6, 16)),
            resolutions=("720p", "1080p"),
        ),
        (SEEDED, NEGATIVE),
        {},
    ),
)


def rows_with(more: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    return with_named(ROWS, more, Row)
