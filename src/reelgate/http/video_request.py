"""Reads a request for a video, as JSON or as the multipart form that OpenAI's SDKs send."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated, Any

from fastapi import Request
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictStr,
    model_validator,
)
from starlette.datastructures import UploadFile

from reelgate.domain.catalog import Model
from reelgate.domain.fields import ASPECT_RATIO, FIRST_FRAME, PROMPT, RESOLUTION, VALUES, is_text
from reelgate.domain.fields import Field as Row
from reelgate.domain.picture import (
    MAX_PICTURE_BYTES,
    Picture,
    kind_of,
    picture_too_large,
    read_picture,
    unusable,
)
from reelgate.domain.reference import Kind, Reference
from reelgate.domain.sizes import from_size, sizes
from reelgate.domain.video import VideoRequest
from reelgate.errors import InvalidRequest, MalformedRequest, Problem, brief
from reelgate.http.errors import shortened
from reelgate.http.parsing import (
    Part,
    charset_of,
    is_form,
    json_of,
    not_json,
    read_form,
    read_json,
    sent_twice,
    text_of,
    validated,
)
from reelgate.http.schemas import PROMPT_SCHEMA
from reelgate.images.fetch import Read
from reelgate.images.references import References

FromText = Mapping[str, Callable[[str], object]]
"""The optional fields of a form, and how each is read."""
MAX_METADATA = 16
MAX_METADATA_KEY_CHARS = 64
MAX_METADATA_VALUE_CHARS = 512
INDEXED = re.compile(r"(\w+)\[([^\[\]]+)\]")
"""How a form spells one entry of an object: `metadata[order]`."""
OBJECTS = frozenset({"metadata", "input_reference"})
"""The fields that hold objects: in a form as JSON, or entry by entry."""


def check_text(value: str) -> str:
    """Refuse what UTF-8 cannot write down, and so no address or database can hold."""
    if not is_text(value):
        message = "holds half a surrogate pair, which is no character"
        raise ValueError(message)
    return value


Text = Annotated[StrictStr, AfterValidator(check_text)]
MetadataKey = Annotated[str, Field(max_length=MAX_METADATA_KEY_CHARS)]
MetadataValue = Annotated[str, Field(max_length=MAX_METADATA_VALUE_CHARS)]


class ImageReference(BaseModel):
    """A picture by its address."""

    model_config = ConfigDict(extra="forbid")

    image_url: Text = Field(description="An https:// address, or a data: URL.")

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

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    prompt: StrictStr = Field(description=PROMPT.help, json_schema_extra=PROMPT_SCHEMA)
    model: StrictStr | None = Field(None, description="A model's id or alias.")
    input_reference: ImageReference | None = Field(None, description=FIRST_FRAME.help)
    metadata: dict[MetadataKey, MetadataValue] | None = Field(
        None, max_length=MAX_METADATA, description="Up to 16 short strings kept with the video."
    )
    webhook_url: Text | None = Field(None, description="Told when the video is over.")

    def for_model(self, model: Model, reference: str | None = None) -> VideoRequest:
        """The complete request for one model; `reference` says what its picture is, if any.

        Raises:
            InvalidRequest: naming each field that the model does not take, or that is said twice.
        """
        said = {name: value for name, value in self if value is not None and name not in NO_VALUES}
        for row in SPELLED_OTHERWISE:
            merge_spellings(said, row, model)
        told: tuple[Reference, ...] = ()
        if reference is not None:
            told = (Reference(Kind.IMAGE, model.role_of_only(), reference),)
        return model.request(prompt=self.prompt, references=told, **said)


NO_VALUES = frozenset(VideoCreate.model_fields)
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
        frame = from_size(size, model.aspect_ratios, model.resolutions)
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


Upload = UploadFile | Picture
"""A picture that came in the body: as a file, or in a field without a file's name."""


async def read_video_create(
    request: Request, stack: AsyncExitStack, shape: type[VideoCreate], texts: FromText
) -> tuple[VideoCreate, Upload | None]:
    """The request's body, and the picture that came with it, open until the stack is closed.

    Raises:
        InvalidRequest: a field is wrong; MalformedRequest: the body cannot be read.
        UnsupportedMedia: it is neither JSON nor a form.
    """
    if is_form(request.headers):
        fields, upload = form_fields(
            await read_form(request, stack),
            charset_of(request.headers["content-type"]),
            texts,
        )
        return validated(shape, fields), upload
    body = await read_json(request, instead=", or a multipart/form-data form")
    if body is None:
        raise not_json("it is empty")
    return validated(shape, body), None


def form_fields(
    parts: Iterable[tuple[str, Part]], charset: str, texts: FromText
) -> tuple[dict[str, Any], Upload | None]:
    """The fields of a form, with `name[key]` gathered into objects, and its picture."""
    fields: dict[str, Any] = {}
    upload: Upload | None = None
    for name, part in parts:
        if is_left_empty(part) and name in texts:
            continue
        found = picture_in(name, part)
        if found is not None and upload is not None:
            raise unusable("is sent twice: a video starts from one picture, so send one", name)
        if found is not None:
            upload = found
        elif isinstance(part, bytes):
            add_field(fields, name, text_of(part, charset, shortened(name)), texts)
    return fields, upload


def is_left_empty(part: Part) -> bool:
    """Whether nothing was filled in: a browser sends an optional field all the same."""
    if isinstance(part, UploadFile):
        return not part.filename and not part.size
    return not part


def picture_in(name: str, part: Part) -> Upload | None:
    """The picture that a part of a form is, if it is one.

    Raises:
        InvalidRequest: it is a file under another name.
    """
    if isinstance(part, bytes):
        is_one = name == "input_reference" and kind_of(part) is Kind.IMAGE
        return read_picture(part, name) if is_one else None
    if name == "input_reference":
        return part
    param = shortened(name)
    message = f"{param} is a file: the only file this request takes is input_reference"
    raise InvalidRequest(problems=(Problem(param, message),))


def add_field(fields: dict[str, Any], name: str, text: str, texts: FromText) -> None:
    """Put a form's field with the others, read as JSON would have it."""
    if (indexed := INDEXED.fullmatch(name)) and indexed[1] in OBJECTS:
        entries = fields.setdefault(indexed[1], {})
        if not isinstance(entries, dict):
            raise said_twice(indexed[1], entries, name)
        if indexed[2] in entries:
            raise sent_twice(name)
        entries[indexed[2]] = text
    elif name in fields:
        raise sent_twice(name)
    else:
        fields[name] = texts.get(name, str)(text)


def read_metadata(text: str) -> object:
    """The metadata that a form holds in one field.

    Raises:
        MalformedRequest: it is not JSON.
        InvalidRequest: it says one thing twice.
    """
    try:
        return json_of(text)
    except MalformedRequest as error:
        message = (
            f'metadata {brief(text)} is not a JSON object of strings, as {{"order": "12"}}; '
            "a form may also hold it entry by entry, as metadata[order]"
        )
        raise MalformedRequest(problems=(Problem("metadata", message, text),)) from error


def read_reference(text: str) -> object:
    """The picture's address that a form holds in a field: bare, or in a JSON object.

    Raises:
        InvalidRequest: it is neither.
    """
    if not text.lstrip().startswith("{"):
        if ":" not in text:
            raise unusable(
                f"{brief(text)} is neither a picture nor the address of one: send a file, "
                "an http:// or https:// address, or a data: URL",
                FIRST_FRAME.name,
            )
        return {"image_url": text.strip()}
    try:
        return json_of(text)
    except InvalidRequest as error:
        fault = 'is not valid JSON: send {"image_url": "..."}, or the address'
        raise unusable(fault, FIRST_FRAME.name) from error


def from_text(rows: Iterable[Row]) -> FromText:
    """How to read each optional field that a form, which knows only text, may hold."""
    return {
        **dict.fromkeys(VideoCreate.model_fields.keys() - {PROMPT.name}, str),
        **{spelling.name: row.read_text for row in rows for spelling in row.spellings},
        "metadata": read_metadata,
        FIRST_FRAME.name: read_reference,
    }


async def request_of(
    body: VideoCreate, upload: Upload | None, model: Model, references: References, owner: str
) -> VideoRequest:
    """The complete request; a picture is touched only once everything else has been found good.

    Raises:
        InvalidRequest, RequestTooLarge: naming each field that cannot be taken.
        UpstreamError: the provider did not take the picture.
    """
    source, name = source_of(body, upload)
    wanted = body.for_model(model, reference=name)
    if source is None:
        return wanted
    files = {} if isinstance(source, str) else {name or "": source}
    return await references.place(wanted, model.provider, owner, files=files)


def source_of(body: VideoCreate, upload: Upload | None) -> tuple[str | Read | None, str | None]:
    """Where the request's picture is and what to call it; nothing where it has none."""
    if upload is not None and body.input_reference is not None:
        fault = "is sent twice, as a file and as an address: send one of them"
        raise unusable(fault, FIRST_FRAME.name)
    if upload is not None:
        return partial(read_upload, upload), "a file"
    if body.input_reference is not None:
        url = body.input_reference.image_url
        return url, url
    return None, None


async def read_upload(upload: Upload) -> Picture:
    """The picture in a form's file.

    Raises:
        InvalidRequest, RequestTooLarge: it cannot be used.
    """
    if isinstance(upload, Picture):
        return upload
    if (upload.size or 0) > MAX_PICTURE_BYTES:
        raise picture_too_large(FIRST_FRAME.name)
    return read_picture(await upload.read(), FIRST_FRAME.name)
