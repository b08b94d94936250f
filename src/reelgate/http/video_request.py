"""Both shapes of a request for a video, and how a request is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictStr

from reelgate.domain.catalog import Model
from reelgate.domain.fields import ASPECT_RATIO, PROMPT, RESOLUTION, VALUES
from reelgate.domain.fields import Field as Row
from reelgate.domain.reference import Reference
from reelgate.domain.sizes import any_size, from_size, sizes
from reelgate.domain.video import RequestWarning, VideoRequest
from reelgate.errors import InvalidRequest, Problem, brief
from reelgate.http.reference_fields import SOURCE, ReferenceFields, SourceVideo, Text
from reelgate.images.fetch import Read
from reelgate.images.references import References

MAX_METADATA = 16
MAX_METADATA_KEY_CHARS = 64
MAX_METADATA_VALUE_CHARS = 512

MetadataKey = Annotated[str, Field(max_length=MAX_METADATA_KEY_CHARS)]
MetadataValue = Annotated[str, Field(max_length=MAX_METADATA_VALUE_CHARS)]


def prompt_schema(row: Row) -> dict[str, Any]:
    """For the document only: the model checks a prompt, and says in words what is wrong with it."""
    return {"minLength": row.minimum, "maxLength": row.maximum, "pattern": r"\S"}


PROMPT_SCHEMA = prompt_schema(PROMPT)


class VideoBody(ReferenceFields):
    """What both shapes hold."""

    prompt: StrictStr = Field(description=PROMPT.help, json_schema_extra=PROMPT_SCHEMA)
    strict: StrictBool = Field(
        default=True,
        description="`false`: leave out what the model cannot honour, and tell it in `warnings`.",
    )

    def said(self, model: Model) -> dict[str, Any]:
        """The plain values by their fields' names.

        Raises:
            InvalidRequest: one is said twice, or in a spelling that has no sense.
        """
        del model
        said = vars(self).items()
        return {name: value for name, value in said if value is not None and name not in NO_VALUES}

    def for_model(
        self, model: Model, source: Reference | None = None
    ) -> tuple[VideoRequest, tuple[RequestWarning, ...], dict[str, str]]:
        """The complete request for one model, what was left out of it, and what holds what.

        The last are the names under which the body holds the references, by their addresses.
        `source` is the video that is changed or gone on with.

        Raises:
            InvalidRequest: naming each field that the model does not take, or that is said twice.
        """
        references, spelled = self.references(model)
        if source is not None:
            references.append(source)
            spelled[source.url] = SOURCE
        request, left_out = model.read(
            self.said(model), references, strict=self.strict, spelled=spelled
        )
        warnings = tuple(RequestWarning(each.param, each.message) for each in left_out)
        return request, warnings, spelled


class GenerationRequest(VideoBody):
    """A video to make; what is left out takes the model's default."""

    image_url: Text | None = Field(
        None, description="A picture to start from: an https:// address, or a data: URL."
    )


class VideoCreate(VideoBody):
    """A video to make; `seconds`/`size` and our own spelling say the same things."""

    model: StrictStr | None = Field(None, description="A model's id or alias.")
    metadata: dict[MetadataKey, MetadataValue] | None = Field(
        None, max_length=MAX_METADATA, description="Up to 16 short strings kept with the video."
    )
    webhook_url: Text | None = Field(None, description="Told when the video is over.")

    def said(self, model: Model) -> dict[str, Any]:
        """The plain values by their fields' names, whichever of their spellings are used."""
        said = super().said(model)
        for row in SPELLED_OTHERWISE:
            merge_spellings(said, row, model)
        return said


class VideoChange(VideoCreate):
    """A video to change or to go on with, and how; without a model, who made it does."""

    video: SourceVideo = Field(
        description="`{id}` of a finished video here, or `{video_url}`; in a form also a file."
    )


NO_VALUES = (frozenset(GenerationRequest.model_fields) | frozenset(VideoChange.model_fields)) - {
    PROMPT.name
}
"""The fields that are no plain values, which have code of their own."""
SPELLED_OTHERWISE = tuple(row for row in VALUES if len(row.spellings) > 1)


def merge_spellings(said: dict[str, Any], row: Row, model: Model) -> None:
    """Leave a field under its own name only, whichever of its spellings a request uses.

    Raises:
        InvalidRequest: a spelling has no sense, or two of them disagree.
    """
    values: dict[str, object] = {}
    for spelling in row.spellings:
        if spelling.name not in said:
            continue
        if spelling.is_frame:
            use_frame(said, spelling.name, model)
            return
        values[spelling.name] = value = row.read(said.pop(spelling.name))
        # Of two values of the right type the model says which it takes, by the field's own name.
        if not row.is_of_type(value) and (problem := model.check(row.name, value, spelling.name)):
            raise InvalidRequest(problems=(problem,))
    if len(set(values.values())) > 1:
        first, other = list(values)[:2]
        raise said_twice(first, values[first], other)
    if values:
        said[row.name] = next(iter(values.values()))


def use_frame(said: dict[str, Any], name: str, model: Model) -> None:
    """Put the ratio and the resolution in the place of a size.

    Raises:
        InvalidRequest: the model makes none of this size, or they are said as well.
    """
    size = said.pop(name)
    if ASPECT_RATIO.name in said or RESOLUTION.name in said:
        raise said_twice(name, size, f"{ASPECT_RATIO.name} and {RESOLUTION.name}")
    frame = None
    if isinstance(size, str):
        frame = (
            any_size(size)
            if model.takes_any_size
            else from_size(size, model.aspect_ratios, model.resolutions)
        )
    if frame is None:
        raise unknown_size(size, model)
    said[ASPECT_RATIO.name], said[RESOLUTION.name] = frame


def said_twice(param: str, value: object, other: str) -> InvalidRequest:
    """Two spellings of one thing that need not agree."""
    message = f"{param} and {other} say the same thing: send one of them"
    return InvalidRequest(problems=(Problem(param, message, value),))


def unknown_size(size: object, model: Model) -> InvalidRequest:
    """A size that this model has no frame for."""
    allowed = tuple(sizes(model.aspect_ratios, model.resolutions))
    choices = f"use one of {', '.join(allowed)}" if allowed else "leave it out"
    if not allowed and model.aspect_ratios:
        choices += f", or send an aspect_ratio: {', '.join(model.aspect_ratios)}"
    message = f"size {brief(size)} is not one {model.id} can make: {choices}"
    return InvalidRequest(problems=(Problem("size", message, size, allowed),))


async def request_of(
    body: VideoBody,
    files: Mapping[str, Read],
    model: Model,
    references: References,
    owner: str,
    source: Reference | None = None,
    *,
    is_ours: bool = False,
) -> tuple[VideoRequest, tuple[RequestWarning, ...]]:
    """The complete request, and what was left out of it.

    A reference is touched only once everything else has been found good.

    Args:
        body: the request's body.
        files: what reads the references that came in it, by their names there.
        model: who makes the video.
        references: what brings references to where the provider reads them.
        owner: who asks.
        source: the video that is changed or gone on with.
        is_ours: whether that is one that the caller has here.

    Raises:
        InvalidRequest, RequestTooLarge: naming each field that cannot be taken.
        UpstreamError: the provider did not take a reference.
    """
    wanted, warnings, spelled = body.for_model(model, source)
    if not wanted.references:
        return wanted, warnings
    own = source.url if is_ours and source is not None and source.own_id is not None else None
    placed = await references.place(
        wanted, model.provider, owner, files=files, spelled=spelled, own=own
    )
    return placed, warnings
