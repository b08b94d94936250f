"""fal's video models: their fields by fal's own names, as data.

Every model there has an OpenAPI document of its own; what stands here is seen in third-party
clients. Any other model can be named in the settings: it takes the common fields as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reelgate.domain.catalog import Model
from reelgate.domain.fields import AUDIO, FIRST_FRAME, NEGATIVE_PROMPT, SEED, Field
from reelgate.providers.shapes import CREATED, OPEN, Shape, with_named

OWNER = "fal"
VEO = Shape(ratios=("16:9", "9:16"), durations=(8, 6, 4), resolutions=("720p", "1080p"))
KLING = Shape(ratios=("16:9", "9:16", "1:1"), durations=(5, 10))
SEEDANCE = Shape(
    ratios=("16:9", "21:9", "4:3", "1:1", "3:4", "9:16"),
    durations=(5, 3, 4, 6, 7, 8, 9, 10, 11, 12),
    resolutions=("1080p", "480p", "720p"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One model.

    Attributes:
        id: its path at fal, which is its name as well.
        shape: what its videos can look like.
        suffix: what fal writes after a number of seconds: `8s`.
        has_audio: whether it makes sound unless told otherwise.
        image_path: the path that starts from a picture; empty: none does.
    """

    id: str
    shape: Shape = OPEN
    suffix: str = ""
    has_audio: bool = False
    image_path: str = ""

    def fields(self) -> Iterator[Field]:
        """The fields it takes, by fal's names."""
        yield from self.shape.fields()
        yield replace(SEED, wire="seed")
        yield replace(NEGATIVE_PROMPT, wire="negative_prompt")
        if self.has_audio:
            yield replace(AUDIO, default=True, wire="generate_audio")
        if self.image_path:
            yield FIRST_FRAME

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            fields=tuple(self.fields()),
        )


def with_picture(path: str) -> str:
    """Where fal keeps the variant of a text-to-video model that starts from a picture."""
    return f"{path.removesuffix('/text-to-video')}/image-to-video"


def _row(path: str, shape: Shape, suffix: str = "", *, has_audio: bool = False) -> Row:
    return Row(path, shape, suffix, has_audio, with_picture(path))


ROWS = (
    _row("fal-ai/veo3.1", VEO, "s", has_audio=True),
    _row("fal-ai/veo3.1/fast", VEO, "s", has_audio=True),
    _row("fal-ai/kling-video/v2.5-turbo/pro/text-to-video", KLING),
    _row("fal-ai/bytedance/seedance/v1/pro/text-to-video", SEEDANCE),
)


def rows_with(more: Iterable[str]) -> tuple[Row, ...]:
    """Our own rows, and those that a user names."""
    return with_named(ROWS, more, Row)
