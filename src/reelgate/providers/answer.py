"""What an upstream answered: plain data, already read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

HTTP_OK = range(200, 300)
MOST_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; the header names are case-insensitive, the time is Unix time.

    Headers and body stay out of the repr: they can hold account data.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False, default=b"")
    received_at_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the status says success (2xx)."""
        return self.status in HTTP_OK

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty when none was sent."""
        return media_type(self.headers.get("Content-Type", ""))

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> object:
        """The body's JSON value; None when it is not JSON, whatever the content type says.

        One odd value must not hide the others, among them perhaps the id of a job that is paid:
        bytes that are no text are replaced, and a number that nobody can mean is None.
        """
        try:
            text = self.body.decode(json.detect_encoding(self.body), errors="replace")
            return _DECODER.decode(text)
        except (ValueError, RecursionError):
            return None


def _integer(digits: str) -> int | None:
    """Python itself refuses to read integers of more than 4,300 digits."""
    return int(digits) if len(digits) <= MOST_DIGITS else None


# Control characters in texts are forbidden, and sent all the same.
_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)


def media_type(content_type: str) -> str:
    """The bare media type of a Content-Type header, in lower case."""
    return content_type.partition(";")[0].strip().lower()
