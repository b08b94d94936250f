"""A submit's parts, checked as the provider documents them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelgate.sandbox.clip import Clip, make_clip

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PROMPT_CHARACTERS = 2000
ALWAYS = ("prompt", "style_id", "variation", "count", "org_id")
SHAPE = ("aspect_ratio", "duration")
STYLES_WITHOUT_SHAPE = frozenset({"22701"})
"""`wan-2.2` takes neither ratio nor duration nor resolution."""

IMAGES_BY_VARIATION = {
    "text_to_video": (0, 0),
    "image_to_video": (1, 1),
    "reference_to_video": (1, 100),
}
"""The least and the most `image_url` parts."""


class BadSubmissionError(ValueError):
    """The parts of a submit are not what the provider takes; the message says which."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A submit that the provider would take."""

    clip: Clip
    variation: str
    style_id: str
    org_id: str
    parent_id: str
    placeholder_uuid: str

    @property
    def cost(self) -> int:
        """Credits: one a second, twice that above 720p. Ours: the provider's prices are unknown."""
        return self.clip.duration_s * (2 if self.clip.short_side_px > PLAIN_SIDE_PX else 1)


PLAIN_SIDE_PX = 720


def read_submission(parts: Mapping[str, Sequence[str]]) -> Submission:
    """Check the text parts of a submit; each name maps to its values in order.

    Raises:
        BadSubmissionError: If a part is missing, doubled or has a value that is not documented.
    """
    single = {name: _single(name, values) for name, values in parts.items() if name != "image_url"}
    shapeless = single.get("style_id") in STYLES_WITHOUT_SHAPE
    missing = [name for name in ALWAYS + (() if shapeless else SHAPE) if not single.get(name)]
    if missing:
        raise BadSubmissionError(f"missing: {', '.join(missing)}")
    _check_words(single)
    _check_images(single["variation"], parts.get("image_url", ()))
    return Submission(
        clip=_clip(single),
        variation=single["variation"],
        style_id=single["style_id"],
        org_id=single["org_id"],
        parent_id=single.get("parent_id", ""),
        placeholder_uuid=_placeholder_uuid(single.get("metadata")),
    )


def _single(name: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise BadSubmissionError(f"{name} must be given once, not {len(values)} times")
    return values[0]


def _check_words(single: Mapping[str, str]) -> None:
    if len(single["prompt"]) > MAX_PROMPT_CHARACTERS or not single["prompt"].strip():
        raise BadSubmissionError(f"prompt must have 1 to {MAX_PROMPT_CHARACTERS} characters")
    if not single["style_id"].isdecimal():
        raise BadSubmissionError("style_id must be an integer")
    if single["variation"] not in IMAGES_BY_VARIATION:
        raise BadSubmissionError(f"variation must be one of {', '.join(IMAGES_BY_VARIATION)}")
    if single["count"] != "1":
        raise BadSubmissionError("count must be 1")
    if single.get("is_enhance", "1") not in {"0", "1"}:
        raise BadSubmissionError("is_enhance must be 1 or 0")


def _check_images(variation: str, images: Sequence[str]) -> None:
    least, most = IMAGES_BY_VARIATION[variation]
    if not least <= len(images) <= most:
        raise BadSubmissionError(
            f"{variation} takes {least} to {most} image_url, not {len(images)}"
        )
    for image in images if variation == "reference_to_video" else ():
        reference = _json_object("image_url", image)
        if not {"url", "id"} <= set(reference):
            raise BadSubmissionError("image_url must be a JSON object with url and id")


def _clip(single: Mapping[str, str]) -> Clip:
    try:
        return make_clip(
            single["prompt"],
            ratio=single.get("aspect_ratio", ""),
            duration=single.get("duration", ""),
            resolution=single.get("resolution", ""),
        )
    except ValueError as exc:
        raise BadSubmissionError(str(exc)) from exc


def _placeholder_uuid(metadata: str | None) -> str:
    return str(_json_object("metadata", metadata).get("placeholderUuid", "")) if metadata else ""


def _json_object(name: str, text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise BadSubmissionError(f"{name} must be JSON") from exc
    if not isinstance(value, dict):
        raise BadSubmissionError(f"{name} must be a JSON object")
    return value
