"""What a body says, as JSON or as a multipart form; one that cannot be read is told why."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Sequence
from typing import NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers
from starlette.exceptions import HTTPException

from reelgate.errors import (
    InvalidRequest,
    MalformedRequest,
    Problem,
    UnsupportedMedia,
    brief,
)
from reelgate.http.problems import invalid, shortened

M = TypeVar("M", bound=BaseModel)

JSON = "application/json"
MULTIPART = "multipart/form-data"
MAX_DIGITS = 40
"""Of a whole number: far beyond any that means something, and far below what takes time to read."""
MAX_FILES = 16
MAX_FIELDS = 200
MAX_FIELD_BYTES = 1_000_000
"""Of a form's field that is no file, as much as a whole JSON body may have."""
FORM_CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252"})
"""What a form may be written in, as Python calls them; other codecs of Python are not text."""


def media_type_of(headers: Headers) -> str:
    """The body's media type, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_form(headers: Headers) -> bool:
    """Whether the body is a multipart form."""
    return media_type_of(headers) == MULTIPART


async def read_json(request: Request, *, instead: str = "") -> object:
    """The JSON body, None where there is none; `instead` names what else the address takes.

    Raises:
        UnsupportedMedia: it is of another type.
        MalformedRequest: it is not JSON.
        InvalidRequest: it says one thing twice.
    """
    media_type = media_type_of(request.headers)
    is_json = media_type == JSON or media_type.endswith("+json")
    # A form may be large, and is not read only to be refused.
    body = b"" if is_form(request.headers) else await request.body()
    if not is_json and (body or is_form(request.headers)):
        said = f"Content-Type {brief(media_type)}" if media_type else "a body without Content-Type"
        message = f"{said} is not read here: send JSON with `Content-Type: {JSON}`{instead}"
        raise UnsupportedMedia(message)
    return json_of(body) if body else None


def validated(shape: type[M], fields: object) -> M:
    """The fields as a request of this shape.

    Raises:
        InvalidRequest: naming each that is wrong.
    """
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise invalid(error.errors()) from error


def json_of(body: bytes | str) -> object:
    """What a JSON text says.

    Raises:
        MalformedRequest: it is not JSON.
        InvalidRequest: it says one thing twice.
    """
    try:
        return json.loads(
            body, object_pairs_hook=once_each, parse_int=whole, parse_constant=no_number
        )
    except RecursionError as error:
        raise not_json("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        reason = f"byte 0x{byte:02x} at position {error.start} is not {error.encoding.upper()}"
        raise not_json(f"{reason}, in which JSON is sent (RFC 8259)") from error
    except ValueError as error:
        raise not_json(str(error)) from error


def not_json(reason: str) -> MalformedRequest:
    """A body that cannot be read, and why."""
    return MalformedRequest(f"the body is not valid JSON: {reason}")


def once_each(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """A JSON object. Readers differ in which of two equal names they heed, so none is."""
    check_once(name for name, _ in pairs)
    return dict(pairs)


def check_once(names: Iterable[str]) -> None:
    """Refuse a name that comes twice: one of the two would be dropped without a word.

    Raises:
        InvalidRequest: naming it.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise sent_twice(name)
        seen.add(name)


def sent_twice(name: str) -> InvalidRequest:
    """A field that a request holds more than once."""
    shown = shortened(name)
    return InvalidRequest(problems=(Problem(shown, f"{shown} is sent twice: send it once"),))


def whole(digits: str) -> int:
    """A whole number.

    Raises:
        ValueError: it has too many digits.
    """
    if len(digits) > MAX_DIGITS:
        message = f"it holds a number of {len(digits)} digits: {MAX_DIGITS} are the most"
        raise ValueError(message)
    return int(digits)


def no_number(name: str) -> NoReturn:
    """Refuse `NaN` and `Infinity`, which Python writes and JSON does not know.

    Raises:
        ValueError: always.
    """
    message = f"{name} is no number in JSON"
    raise ValueError(message)


async def read_form(request: Request) -> FormData:
    """The multipart form.

    Raises:
        UnsupportedMedia: its charset is not one that is read.
        MalformedRequest: it cannot be read.
    """
    check_parameters(request.headers.get("content-type", ""))
    try:
        return await request.form(
            max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES
        )
    except HTTPException as error:
        message = f"the form cannot be read: {error.detail}"
        raise MalformedRequest(message) from error


def check_parameters(content_type: str) -> None:
    """Refuse a form without a boundary, or in a charset that means something else to Python.

    Raises:
        UnsupportedMedia: naming the charset.
        MalformedRequest: there is no boundary.
    """
    parameters = parse_options_header(content_type)[1]
    charset = parameters.get(b"charset", b"utf-8").decode("latin-1")
    if not is_read(charset):
        message = f"charset {brief(charset)} is not read here: send the form as UTF-8"
        raise UnsupportedMedia(message)
    if not parameters.get(b"boundary"):
        message = (
            "the form cannot be read: its Content-Type has no boundary; "
            "leave that header to your HTTP client, which knows it"
        )
        raise MalformedRequest(message)


def is_read(charset: str) -> bool:
    """Whether forms in this charset are read."""
    try:
        return codecs.lookup(charset).name in FORM_CHARSETS
    except (LookupError, ValueError):
        return False
