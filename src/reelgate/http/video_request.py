"""Reads a request for a video, as JSON or as the multipart form that OpenAI's SDKs send."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import Request
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from starlette.datastructures import FormData, UploadFile

from reelgate.catalog import Model
from reelgate.errors import InvalidRequest, MalformedRequest, Problem
from reelgate.http.problems import invalid
from reelgate.http.schemas import PROMPT_SCHEMA
from reelgate.sizes import OPENAI_SIZES, from_size, sizes
from reelgate.video import Duration, VideoRequest

MAX_METADATA = 16
MAX_METADATA_KEY_CHARS = 64
MAX_METADATA_VALUE_CHARS = 512
INDEXED = re.compile(r"(\w+)\[(\w+)\]")
"""How a form spells one entry of an object: `metadata[order]`."""
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,18}")
OBJECTS = frozenset({"metadata", "input_reference"})
"""The fields that hold objects: in a form as JSON, or entry by entry."""


def read_seconds(value: object) -> object:
    """Seconds come as a number or, from OpenAI's SDKs, as a string."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if value is None or value == "auto" or (isinstance(value, int) and value is not True):
        return value
    message = 'takes whole seconds, as a number or a string, or "auto"'
    raise ValueError(message)


SECONDS_SCHEMA = {
    "anyOf": [
        {"type": "integer"},
        {"type": "string", "pattern": "^([0-9]{1,9}|auto)$"},
        {"type": "null"},
    ]
}
Seconds = Annotated[Duration | None, BeforeValidator(read_seconds), WithJsonSchema(SECONDS_SCHEMA)]
MetadataKey = Annotated[str, Field(max_length=MAX_METADATA_KEY_CHARS)]
MetadataValue = Annotated[str, Field(max_length=MAX_METADATA_VALUE_CHARS)]


class ImageReference(BaseModel):
    """A picture by its address."""

    model_config = ConfigDict(extra="forbid")

    image_url: StrictStr = Field(description="An https:// address, or a data: URL.")

    @model_validator(mode="before")
    @classmethod
    def _has_only_an_address(cls, value: object) -> object:
        if isinstance(value, dict) and "file_id" in value:
            message = "takes no file_id, because this gateway keeps no files: send the file itself"
            raise ValueError(message)
        if not isinstance(value, dict) or set(value) != {"image_url"}:
            message = 'takes {"image_url": "..."} with an address, or in a form a file'
            raise ValueError(message)
        return value


class VideoCreate(BaseModel):
    """A video to make; `seconds`/`size` and our own spelling say the same things."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "model": "imagine-text-to-video",
                "prompt": "A cat eating hotdogs in a park",
                "seconds": "5",
                "size": "1280x720",
            }
        },
    )

    prompt: StrictStr = Field(
        description="What the video shows: 1 to 2000 characters.", json_schema_extra=PROMPT_SCHEMA
    )
    model: StrictStr | None = Field(None, description="A model's id or alias.")
    seconds: Seconds = Field(None, description="How long the video is, OpenAI's spelling.")
    duration: Seconds = Field(None, description="How long the video is, our spelling.")
    size: StrictStr | None = Field(None, description="`1280x720` and the like.")
    aspect_ratio: StrictStr | None = Field(None, description="`16:9` and the like.")
    resolution: StrictStr | None = Field(None, description="`720p` and the like.")
    style_id: StrictInt | None = Field(
        None, description="imagine-text-to-video: the style's number."
    )
    is_enhance: StrictBool | None = Field(None, description="Let the model improve the prompt.")
    input_reference: ImageReference | None = Field(
        None, description="A picture to start from: `{image_url}` here, or a file in a form."
    )
    metadata: dict[MetadataKey, MetadataValue] | None = Field(
        None, max_length=MAX_METADATA, description="Up to 16 short strings kept with the video."
    )
    webhook_url: StrictStr | None = Field(None, description="Told when the video is over.")

    def for_model(self, model: Model, reference: str | None = None) -> VideoRequest:
        """The complete request for one model; `reference` says what its picture is, if any.

        Raises:
            InvalidRequest: naming each field that the model does not take, or that is said twice.
        """
        aspect_ratio, resolution = self._frame(model)
        return model.request(
            prompt=self.prompt,
            aspect_ratio=aspect_ratio,
            duration=self._duration(),
            resolution=resolution,
            style_id=self.style_id,
            is_enhance=self.is_enhance,
            reference_url=reference,
        )

    def _duration(self) -> Duration | None:
        if self.seconds is not None and self.duration not in {None, self.seconds}:
            raise said_twice("seconds", self.seconds, "duration")
        return self.duration if self.seconds is None else self.seconds

    def _frame(self, model: Model) -> tuple[str | None, str | None]:
        if self.size is None:
            return self.aspect_ratio, self.resolution
        if self.aspect_ratio is not None or self.resolution is not None:
            raise said_twice("size", self.size, "aspect_ratio and resolution")
        frame = from_size(self.size, model.aspect_ratios, model.resolutions)
        if frame is None:
            raise unknown_size(self.size, model)
        return frame


def said_twice(param: str, value: object, other: str) -> InvalidRequest:
    """Two spellings of one thing that need not agree."""
    message = f"{param} and {other} say the same thing: send one of them"
    return InvalidRequest(problems=(Problem(param, message, value),))


def unknown_size(size: str, model: Model) -> InvalidRequest:
    """A size that this model has no frame for."""
    known = dict.fromkeys(sizes(model.aspect_ratios, model.resolutions))
    known |= {
        name: None
        for name in OPENAI_SIZES
        if from_size(name, model.aspect_ratios, model.resolutions)
    }
    allowed = tuple(known)
    choices = f"use one of {', '.join(allowed)}" if allowed else "leave it out"
    if not allowed and model.aspect_ratios:
        choices += f", or send an aspect_ratio: {', '.join(model.aspect_ratios)}"
    message = f"size {size!r} is not one {model.id} can make: {choices}"
    return InvalidRequest(problems=(Problem("size", message, size, allowed),))


async def read_video_create(request: Request) -> tuple[VideoCreate, UploadFile | None]:
    """The request's body, and the picture that came with it as a file.

    Raises:
        InvalidRequest: a field is wrong; MalformedRequest: the body cannot be read.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        fields, upload = form_fields(await request.form())
        return validated(fields), upload
    return validated(json_fields(await request.body())), None


def validated(fields: object) -> VideoCreate:
    """The fields as a request."""
    try:
        return VideoCreate.model_validate(fields)
    except ValidationError as error:
        raise invalid(error.errors()) from error


def json_fields(body: bytes) -> object:
    """The JSON body."""
    try:
        return json.loads(body)
    except RecursionError as error:
        message = "the body is not valid JSON: it is nested too deeply"
        raise MalformedRequest(message) from error
    except ValueError as error:
        message = f"the body is not valid JSON: {error}"
        raise MalformedRequest(message) from error


def form_fields(form: FormData) -> tuple[dict[str, Any], UploadFile | None]:
    """The fields of a form, with `name[key]` gathered into objects, and its file."""
    fields: dict[str, Any] = {}
    upload: UploadFile | None = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            upload = only_reference(name, value)
        elif (indexed := INDEXED.fullmatch(name)) and indexed[1] in OBJECTS:
            entries = fields.setdefault(indexed[1], {})
            if not isinstance(entries, dict):
                raise said_twice(indexed[1], entries, name)
            entries[indexed[2]] = value
        elif name in OBJECTS:
            fields[name] = json_fields(value.encode())
        else:
            fields[name] = FROM_TEXT.get(name, str)(value)
    return fields, upload


def whole_number(text: str) -> int | str:
    """A number that a form spells; any other text as it is, to be refused."""
    return int(text) if PLAIN_NUMBER.fullmatch(text) else text


def truth(text: str) -> bool | str:
    """What `true` and `false` mean in a form; any other text as it is, to be refused."""
    return {"true": True, "false": False}.get(text, text)


FROM_TEXT: Mapping[str, Callable[[str], object]] = {"style_id": whole_number, "is_enhance": truth}
"""The fields whose values a form, which knows only text, must spell."""


def only_reference(name: str, upload: UploadFile) -> UploadFile:
    """The one file that a form may hold."""
    if name == "input_reference":
        return upload
    message = f"{name} is a file: the only file this request takes is input_reference"
    raise InvalidRequest(problems=(Problem(name, message),))
