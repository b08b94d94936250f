"""The models of imagine.art's key-based API, and how long they take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reelgate.domain.catalog import Model
from reelgate.domain.fields import ASPECT_RATIO
from reelgate.providers.imagine.models import CREATED, OWNER
from reelgate.providers.imagine.refusals import Certainty

ASPECT_RATIOS = ("16:9", "1:1", "9:16")
TYPICAL_S = (600.0, 900.0)
"""Published: videos take 10 to 15 minutes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model: its name, the `style` it is sent as, and how certain that is."""

    id: str
    style: str
    certainty: Certainty


ROWS = (
    # The documentation's examples.
    Row("kling-1.0-pro", "kling-1.0-pro", Certainty.OFFICIAL),
    # The catalogue's name; its own page sends it without the suffix.
    Row("fast-svd-text-to-video", "fast-svd", Certainty.SEEN),
    # The catalogue's name; that it is sent as it is is assumed.
    Row("kling-v1.6-pro-text-to-video", "kling-v1.6-pro-text-to-video", Certainty.SEEN),
)


def rows_with(styles: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names: each is sent as it is called."""
    known = {row.id for row in ROWS}
    new = dict.fromkeys(style for style in styles if style not in known)
    return (*ROWS, *(Row(style, style, Certainty.ASSUMED) for style in new))


def key_models(provider: str, rows: Iterable[Row] = ROWS) -> tuple[Model, ...]:
    """Every model, as those of this provider."""
    ratio = replace(ASPECT_RATIO, allowed=ASPECT_RATIOS, default=ASPECT_RATIOS[0])
    return tuple(
        Model(id=row.id, provider=provider, owned_by=OWNER, created=CREATED, fields=(ratio,))
        for row in rows
    )
