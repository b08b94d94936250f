"""What a body says, as JSON or as a multipart form; one that cannot be read is told why."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from reelgate.errors import InvalidRequest, MalformedRequest, Problem, UnsupportedMedia, brief
from reelgate.http.errors import invalid, shortened

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
BYTES = "latin-1"
"""The charset that has a character for every byte, and so loses none."""

Part = bytes | UploadFile
"""What a form holds under a name: a field's bytes, or a file."""


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
    is_multipart = media_type == MULTIPART
    body = b"" if is_multipart else await request.body()
    if not is_json and (body or is_multipart):
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
        text = (
            body
            if isinstance(body, str)
            else body.decode(json.detect_encoding(body), "surrogatepass")
        )
        return DECODER.decode(text)
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
    read = dict(pairs)
    if len(read) < len(pairs):
        check_once(name for name, _ in pairs)
    return read


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


DECODER = json.JSONDecoder(object_pairs_hook=once_each, parse_int=whole, parse_constant=no_number)


async def read_form(request: Request, stack: AsyncExitStack) -> list[tuple[str, Part]]:
    """The multipart form's parts by name; its files are open until the stack is closed.

    Raises:
        UnsupportedMedia: its charset is not one that is read.
        MalformedRequest: it cannot be read.
    """
    charset = charset_of(request.headers.get("content-type", ""))
    parser = MultiPartParser(
        as_bytes(request.headers),
        request.stream(),
        max_files=MAX_FILES,
        max_fields=MAX_FIELDS,
        max_part_size=MAX_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        message = f"the form cannot be read: {error.message}"
        raise MalformedRequest(message) from error
    stack.push_async_callback(form.close)
    return [
        (text_of(name.encode(BYTES), charset, "a field's name"), part_of(value))
        for name, value in form.multi_items()
    ]


def as_bytes(headers: Headers) -> Headers:
    """The headers of a form, so that its parser decodes nothing by guess.

    What is not in the charset it was told it would read as Latin-1, without a word.
    """
    content_type = headers.get("content-type", "")
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"").decode(BYTES)
    if not boundary:
        message = (
            "the form cannot be read: its Content-Type has no boundary; "
            "leave that header to your HTTP client, which knows it"
        )
        raise MalformedRequest(message)
    quoted = boundary.replace("\\", "\\\\").replace('"', '\\"')
    return Headers({"content-type": f'{MULTIPART}; charset={BYTES}; boundary="{quoted}"'})


def part_of(value: str | UploadFile) -> Part:
    """A part of a form that was read as Latin-1."""
    return value.encode(BYTES) if isinstance(value, str) else value


def text_of(value: bytes, charset: str, name: str) -> str:
    """A text of a form.

    Raises:
        MalformedRequest: it is not written in the form's charset.
    """
    try:
        return value.decode(charset)
    except UnicodeDecodeError as error:
        fault = (
            f"is not {charset.upper()}: byte 0x{value[error.start]:02x} at position {error.start}"
        )
        problem = Problem(name, f"{name} {fault}; send the form as UTF-8")
        raise MalformedRequest(problems=(problem,)) from error


def charset_of(content_type: str) -> str:
    """The charset of a form, where it is one: other codecs of Python are not text.

    Raises:
        UnsupportedMedia: naming it.
    """
    charset = parse_options_header(content_type)[1].get(b"charset", b"utf-8").decode(BYTES)
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        name = ""
    if name not in FORM_CHARSETS:
        message = f"charset {brief(charset)} is not read here: send the form as UTF-8"
        raise UnsupportedMedia(message)
    return name
