"""Reads a request for a video, as JSON or as the multipart form that OpenAI's SDKs send."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Request
from starlette.datastructures import UploadFile

from reelgate.domain.fields import PROMPT, REFERENCES, TRUTHS
from reelgate.domain.fields import Field as Row
from reelgate.domain.picture import is_data_url, unusable
from reelgate.domain.reading import NAMES
from reelgate.domain.reference import Kind
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
from reelgate.http.reference_fields import BARE, FILE_FIELDS, ONE, ONLY, SOURCE, UPLOADED, file_in
from reelgate.http.video_request import VideoBody
from reelgate.images.fetch import Read

FromText = Mapping[str, Callable[[str], object]]
"""The optional fields of a form, and how each is read."""
INDEXED = re.compile(r"(\w+)\[([^\[\]]+)\]")
"""How a form spells one entry of an object: `metadata[order]`."""
LISTED = re.compile(r"(\w+)\[\]")
"""How some spell one entry of a list: `input_references[]`."""
ADDRESSED = (ONE | {SOURCE}) - {BARE}
OBJECTS = ADDRESSED | {"metadata"}
"""The fields that hold objects: in a form as JSON, or entry by entry."""
B = TypeVar("B", bound=VideoBody)


@dataclass(frozen=True, slots=True)
class BodyShape(Generic[B]):
    """What a body may hold.

    Attributes:
        model: as JSON.
        form: the schema of the same as a multipart form.
        texts: how each optional field of that form is read.
    """

    model: type[B]
    form: dict[str, Any]
    texts: FromText


async def read_video_body(
    request: Request, stack: AsyncExitStack, shape: BodyShape[B]
) -> tuple[B, Mapping[str, Read]]:
    """The request's body, and what reads the files that came with it until the stack is closed.

    Raises:
        InvalidRequest: a field is wrong; MalformedRequest: the body cannot be read.
        UnsupportedMedia: it is neither JSON nor a form.
    """
    if is_form(request.headers):
        parts = await read_form(request, stack)
        form = FormFields(charset_of(request.headers["content-type"]), shape.texts)
        form.add(parts)
        return validated(shape.model, form.fields), form.files
    body = await read_json(request, instead=", or a multipart/form-data form")
    if body is None and not await request.body():
        raise not_json("it is empty")
    return validated(shape.model, body), {}


class FormFields:
    """The fields of a form, read as JSON would have them.

    Attributes:
        fields: by name, with `name[key]` gathered into objects. A file stands there as an address.
        files: what reads these, by those addresses.
    """

    def __init__(self, charset: str, texts: FromText) -> None:
        self._charset = charset
        self._texts = texts
        self._takes_files = FILE_FIELDS & texts.keys()
        self.fields: dict[str, Any] = {}
        self.files: dict[str, Read] = {}

    def add(self, parts: Iterable[tuple[str, Part]]) -> None:
        """Read each part.

        Raises:
            InvalidRequest, MalformedRequest: one makes no sense, or comes twice.
        """
        for written, part in parts:
            listed = LISTED.fullmatch(written)
            name = listed[1] if listed and listed[1] == REFERENCES.name else written
            if is_left_empty(part) and name in self._texts:
                continue
            if (found := file_in(name, part, self._takes_files)) is not None:
                kind, read = found
                address = f"{UPLOADED}{len(self.files)}"
                self.files[address] = read
                self._add_value(name, file_value(name, kind, address))
            elif isinstance(part, bytes):
                self._add_text(name, text_of(part, self._charset, shortened(name)))

    def _add_text(self, name: str, text: str) -> None:
        if (indexed := INDEXED.fullmatch(name)) and indexed[1] in OBJECTS:
            entries = self.fields.setdefault(indexed[1], {})
            if not isinstance(entries, dict):
                raise said_twice(indexed[1], entries, name)
            if indexed[2] in entries:
                raise sent_twice(indexed[1] if indexed[1] in ADDRESSED else name)
            entries[indexed[2]] = text
        else:
            self._add_value(name, self._texts.get(name, str)(text))

    def _add_value(self, name: str, value: object) -> None:
        if name == REFERENCES.name:
            more = value if isinstance(value, list) else [value]
            self.fields.setdefault(name, []).extend(more)
            return
        if name in self.fields and name in ONLY:
            raise unusable(f"is sent twice: it is one {NAMES[ONLY[name]][0]}, so send one", name)
        if name in self.fields:
            raise sent_twice(name)
        self.fields[name] = value


def said_twice(param: str, value: object, other: str) -> InvalidRequest:
    """Two spellings of one thing that need not agree."""
    message = f"{param} and {other} say the same thing: send one of them"
    return InvalidRequest(problems=(Problem(param, message, value),))


def file_value(name: str, kind: Kind, address: str) -> object:
    """A file as the field would hold its address."""
    return address if name == BARE else {f"{kind.value}_url": address}


def is_left_empty(part: Part) -> bool:
    """Whether nothing was filled in: a browser sends an optional field all the same."""
    if isinstance(part, UploadFile):
        return not part.filename and not part.size
    return not part


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


def reference_reader(name: str) -> Callable[[str], object]:
    """What reads the address that a form holds in a field: bare, or in a JSON object."""

    def read(text: str) -> object:
        if not text.lstrip().startswith(("{", "[")):
            if ":" not in text:
                what = NAMES[ONLY.get(name, Kind.IMAGE)][0]
                raise unusable(
                    f"{brief(text)} is neither a {what} nor the address of one: send a file, "
                    "an http:// or https:// address, or a data: URL",
                    name,
                )
            kind = Kind.VIDEO if name == SOURCE else kind_in(text)
            return file_value(name, kind, text.strip())
        try:
            return json_of(text)
        except InvalidRequest as error:
            fault = 'is not valid JSON: send {"image_url": "..."}, or the address'
            raise unusable(fault, name) from error

    return read


def kind_in(address: str) -> Kind:
    """What a bare address names: a picture, unless a `data:` URL says otherwise."""
    said = address.strip()[5:].lower() if is_data_url(address.strip()) else ""
    return next((kind for kind in Kind if said.startswith(f"{kind.value}/")), Kind.IMAGE)


def from_text(shape: type[VideoBody], rows: Mapping[str, Row]) -> FromText:
    """How to read each optional field that a form, which knows only text, may hold.

    `rows`: those with plain values, by their names in the shape.
    """
    names = shape.model_fields.keys() - {PROMPT.name}
    others: FromText = {"metadata": read_metadata, "strict": read_truth}
    return {
        **dict.fromkeys(names, str),
        **{name: row.read_text for name, row in rows.items()},
        **{name: reference_reader(name) for name in FILE_FIELDS & names},
        **{name: others[name] for name in others.keys() & names},
    }


def read_truth(text: str) -> object:
    """A truth value; what is none as it is, to be refused."""
    return TRUTHS.get(text.lower(), text)
