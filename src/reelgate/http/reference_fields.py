"""The fields of a request that hold references: by their addresses, or as files of a form."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, model_validator
from starlette.datastructures import UploadFile

from reelgate.domain.catalog import Model
from reelgate.domain.fields import FIRST_FRAME, LAST_FRAME, REFERENCES, is_text
from reelgate.domain.picture import (
    MAX_PICTURE_BYTES,
    START_BYTES,
    Picture,
    kind_of,
    picture_too_large,
    read_picture,
)
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import InvalidRequest, Problem
from reelgate.http.errors import shortened
from reelgate.http.parsing import Part
from reelgate.images.fetch import Read

MAX_REFERENCES = 16
"""Of a request, whatever its model takes."""
URL_FIELDS = {f"{kind.value}_url": kind for kind in Kind}
"""How a reference tells its address and its kind."""
STARTS_WITH = tuple(spelling.name for spelling in FIRST_FRAME.spellings)
"""The spellings of the picture to start from, in both shapes."""
BARE = "image_url"
"""The same in the blocking shape, as a bare address."""
ONE = frozenset({*STARTS_WITH, LAST_FRAME.name, BARE})
"""The fields that hold one picture."""
HOLD_REFERENCES = ONE | {REFERENCES.name}
SOURCE = "video"
"""The video that is changed or gone on with, as OpenAI's SDKs call it."""
FILE_FIELDS = ONE | {REFERENCES.name, SOURCE}
ONLY = {**dict.fromkeys(ONE, Kind.IMAGE), SOURCE: Kind.VIDEO}
"""What the fields hold that hold one thing only."""
UPLOADED = "upload:"
"""Begins the name of a file that came in the form."""


def check_text(value: str) -> str:
    """Refuse what UTF-8 cannot write down, and so no address or database can hold."""
    if not is_text(value):
        message = "holds half a surrogate pair, which is no character"
        raise ValueError(message)
    return value


Text = Annotated[StrictStr, AfterValidator(check_text)]


class ImageReference(BaseModel):
    """A picture by its address."""

    model_config = ConfigDict(extra="forbid")

    image_url: Text = Field(description="An https:// address, or a data: URL.")

    @model_validator(mode="before")
    @classmethod
    def _has_only_an_address(cls, value: object) -> object:
        check_no_file_id(value)
        if not isinstance(value, dict) or set(value) != {"image_url"}:
            message = 'takes {"image_url": "..."} with an address, or in a form a file'
            raise ValueError(message)
        return value


class MediaReference(BaseModel):
    """A picture, video or sound by its address."""

    model_config = ConfigDict(extra="forbid")

    image_url: Text | None = Field(None, description="An https:// address, or a data: URL.")
    video_url: Text | None = Field(None, description="The same of a video.")
    audio_url: Text | None = Field(None, description="The same of a sound.")
    role: Literal[Role.FIRST_FRAME, Role.LAST_FRAME, Role.REFERENCE] = Field(
        Role.REFERENCE, description="What it is for."
    )

    @model_validator(mode="before")
    @classmethod
    def _has_one_address(cls, value: object) -> object:
        check_no_file_id(value)
        told = value if isinstance(value, dict) else {}
        addresses = [name for name in URL_FIELDS if told.get(name) is not None]
        if len(addresses) != 1 or not told.keys() <= {*URL_FIELDS, "role"}:
            message = (
                'takes a list of {"image_url": "..."}, {"video_url": "..."} or '
                '{"audio_url": "..."}, each perhaps with a "role", or in a form files'
            )
            raise ValueError(message)
        return value

    def reference(self) -> Reference:
        """It as a request holds it."""
        addresses = ((kind, getattr(self, name)) for name, kind in URL_FIELDS.items())
        [(kind, url)] = ((kind, url) for kind, url in addresses if url is not None)
        return Reference(kind, self.role, url)


def check_no_file_id(value: object) -> None:
    """Refuse what other gateways keep."""
    if isinstance(value, dict) and "file_id" in value:
        message = "takes no file_id, because this gateway keeps no files: send the file itself"
        raise ValueError(message)


class SourceVideo(BaseModel):
    """A video by the id that it has here, or by its address."""

    model_config = ConfigDict(extra="forbid")

    id: Text | None = Field(None, description="A finished video of this gateway: `video_...`.")
    video_url: Text | None = Field(None, description="An https:// address, or a data: URL.")

    @model_validator(mode="before")
    @classmethod
    def _is_one_of_both(cls, value: object) -> object:
        check_no_file_id(value)
        told = value if isinstance(value, dict) else {}
        is_one = len([each for each in told.values() if each is not None]) == 1
        if not is_one or not told.keys() <= {"id", "video_url"}:
            message = (
                'takes {"id": "video_..."} of a finished video here, {"video_url": "..."} with an '
                "address, or in a form a file"
            )
            raise ValueError(message)
        return value


class ReferenceFields(BaseModel):
    """What both request shapes may hold of references."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    input_reference: ImageReference | None = Field(
        None, description=f"{FIRST_FRAME.help} `{{image_url}}` here, or a file in a form."
    )
    first_frame: ImageReference | None = Field(None, description=FIRST_FRAME.spellings[-1].help)
    last_frame: ImageReference | None = Field(None, description=LAST_FRAME.help)
    input_references: list[MediaReference] | None = Field(
        None, max_length=MAX_REFERENCES, description=REFERENCES.help
    )

    def references(self, model: Model) -> tuple[list[Reference], dict[str, str]]:
        """The request's references, and under which names it holds them, by address.

        Raises:
            InvalidRequest: it holds two pictures to start from.
        """
        told: list[Reference] = []
        spelled: dict[str, str] = {}
        if self.model_fields_set.isdisjoint(HOLD_REFERENCES):
            return told, spelled
        held = ((name, self._url_in(name)) for name in (*STARTS_WITH, BARE))
        starts = [(name, url) for name, url in held if url is not None]
        if len(starts) > 1:
            (name, url), (other, _) = starts[:2]
            message = f"{name} and {other} say the same thing: send one of them"
            raise InvalidRequest(problems=(Problem(name, message, url),))
        for name, url in starts:
            role = Role.FIRST_FRAME if name == "first_frame" else model.role_of_only()
            told.append(Reference(Kind.IMAGE, role, url))
            spelled[url] = name
        if (last := self._url_in(LAST_FRAME.name)) is not None:
            told.append(Reference(Kind.IMAGE, Role.LAST_FRAME, last))
        told += (each.reference() for each in self.input_references or ())
        return told, spelled

    def _url_in(self, name: str) -> str | None:
        held = getattr(self, name, None)
        return held.image_url if isinstance(held, ImageReference) else held


def file_in(name: str, part: Part, taken: AbstractSet[str]) -> tuple[Kind, Read] | None:
    """The reference that a part of a form is, if it is one, and what reads it.

    `taken`: the fields that take files there.

    Raises:
        InvalidRequest: it is a file under another name.
        RequestTooLarge: it is larger than a reference may be.
    """
    if isinstance(part, bytes):
        kind = kind_of(part) if name in taken else None
        if kind is None:
            return None
        return kind, partial(held, read_picture(part, name, kind))
    if name in taken:
        start = part.file.read(START_BYTES)
        part.file.seek(0)
        kind = ONLY.get(name) or kind_of(start) or Kind.IMAGE
        return kind, partial(read_upload, part, name, kind)
    param = shortened(name)
    names = ", ".join(sorted(taken))
    message = f"{param} is a file: this request takes files as {names} only"
    raise InvalidRequest(problems=(Problem(param, message),))


async def held(picture: Picture) -> Picture:
    return picture


async def read_upload(upload: UploadFile, param: str, kind: Kind) -> Picture:
    """The reference in a form's file.

    Raises:
        InvalidRequest, RequestTooLarge: it cannot be used.
    """
    if (upload.size or 0) > MAX_PICTURE_BYTES:
        raise picture_too_large(param)
    return read_picture(await upload.read(), param, kind)
