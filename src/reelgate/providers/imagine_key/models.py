"""The models of imagine.art's key-based API, and how long they take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from reelgate.domain.catalog import Model
from reelgate.domain.fields import ASPECT_RATIO, FIRST_FRAME
from reelgate.providers.imagine.models import CREATED, OWNER
from reelgate.providers.imagine.refusals import Certainty
from reelgate.providers.shapes import with_named

ASPECT_RATIOS = ("16:9", "1:1", "9:16")
TYPICAL_S = (600.0, 900.0)
"""Published: videos take 10 to 15 minutes."""


class Picture(Enum):
    """Whether a model starts from a picture."""

    NONE = "none"
    MAY = "may"
    MUST = "must"


@dataclass(frozen=True, slots=True)
class Row:
    """One model: its name, the `style` it is sent as, how certain that is, and its picture."""

    id: str
    style: str
    certainty: Certainty
    picture: Picture = Picture.NONE


ROWS = (
    # The documentation's examples.
    Row("kling-1.0-pro", "kling-1.0-pro", Certainty.OFFICIAL, Picture.MAY),
    # The catalogue's name; its own page sends it without the suffix.
    Row("fast-svd-text-to-video", "fast-svd", Certainty.SEEN),
    # The catalogue's name; that it is sent as it is is assumed.
    Row("kling-v1.6-pro-text-to-video", "kling-v1.6-pro-text-to-video", Certainty.SEEN),
    Row("veo2-image-to-video", "veo2-image-to-video", Certainty.SEEN, Picture.MUST),
)


def rows_with(styles: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names: each is sent as it is called."""
    return with_named(
        ROWS, styles, lambda style: Row(style, style, Certainty.ASSUMED, picture_of(style))
    )


def picture_of(style: str) -> Picture:
    """By the end of the catalogue's names; of any other, nobody can tell."""
    if style.endswith("-text-to-video"):
        return Picture.NONE
    return Picture.MUST if style.endswith("-image-to-video") else Picture.MAY


def key_models(provider: str, rows: Iterable[Row] = ROWS) -> tuple[Model, ...]:
    """Every model, as those of this provider."""
    ratio = replace(ASPECT_RATIO, allowed=ASPECT_RATIOS, default=ASPECT_RATIOS[0])
    pictures = {
        Picture.NONE: (),
        Picture.MAY: (FIRST_FRAME,),
        Picture.MUST: (replace(FIRST_FRAME, is_required=True),),
    }
    return tuple(
        Model(
            id=row.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            fields=(ratio, *pictures[row.picture]),
        )
        for row in rows
    )
