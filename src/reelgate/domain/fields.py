"""The table of request fields: each is one row, and everything that knows a field reads the row.

From the rows come the validation, both request schemas, the form's conversions, the OpenAPI
document, the options of `reelgate generate` and the capabilities in `GET /v1/models`. The rows
here are those that any model may take; a provider's own are declared by its models.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, assert_never

from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import Problem, brief

MAX_PROMPT_CHARS = 2000
MAX_TEXT_CHARS = 2000
"""Of a text for which its row says nothing."""
INT64 = (-(2**63), 2**63 - 1)
"""The bounds of a whole number for which its row says nothing."""
WHOLE = re.compile(r"-?[0-9]{1,18}(\.0+)?")
"""A whole number as text."""
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
"""A number as text."""
TRUTHS = {"true": True, "1": True, "false": False, "0": False}
"""A truth value as a form spells it, in small letters."""
SURROGATE = re.compile("[\ud800-\udfff]")
AUTO = "auto"
"""The duration that the model chooses itself."""


class FieldType(StrEnum):
    """What kind of value a field takes; the value is its name in the capabilities' JSON."""

    TEXT = "string"
    INTEGER = "integer"
    SECONDS = "seconds"  # a whole number, or `auto`; told as an integer
    NUMBER = "number"
    BOOLEAN = "boolean"
    IMAGE = "image"  # one picture
    VIDEO = "video"  # one video
    REFERENCES = "references"  # pictures, videos and sounds


class _SameAsDefault:
    """The type of `SAME_AS_DEFAULT`."""

    def __repr__(self) -> str:
        return "SAME_AS_DEFAULT"


SAME_AS_DEFAULT: Final = _SameAsDefault()


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a request shape calls a field; `is_frame`: a size, which says ratio and resolution."""

    name: str
    help: str
    is_frame: bool = False


class Source(StrEnum):
    """What a field takes that holds a video; the value is its name in the capabilities' JSON."""

    OWN = "own"  # one that the same account has made, by its id there
    FILE = "file"  # any, by its bytes


@dataclass(frozen=True, slots=True)
class Medium:
    """How many references of a kind a field holds: `least`, once it holds any, to `most`."""

    kind: Kind
    most: int
    least: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a request, as one model takes it.

    Attributes:
        name: its name in the blocking shape, the row, the fingerprint and the capabilities.
        help: a sentence for people.
        allowed: the values it takes; None: any within the bounds; empty: a request may not set it.
        minimum: of a number, or of a text's characters.
        maximum: likewise.
        default: what a request means that leaves it out.
        implied: what the upstream does where it is not told: `default` as it was when the field
            was new, which never changes. A request that says this is stored, fingerprinted and
            submitted as one without the field: see docs/adr/0014-fingerprints.md.
        is_required: whether a request must say it.
        media: of references: how many of each kind it holds; `maximum` is that of all together.
        sources: of a video: how the upstream takes it.
        needs: the field that must be said beside it; empty: none.
        wire: its name in the submit, where the adapter maps fields by their rows.
        blocking_help: what the OpenAPI document says of it in the blocking shape before the
            values, where that is not `help`.
        job: the spellings of the job shape, where it is not spelled by its name.
    """

    name: str
    type: FieldType
    help: str = ""
    allowed: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    default: Any = None
    implied: Any = SAME_AS_DEFAULT
    is_required: bool = False
    media: tuple[Medium, ...] = ()
    sources: tuple[Source, ...] = (Source.FILE,)
    needs: str = ""
    wire: str | None = None
    blocking_help: str | None = None
    job: tuple[Spelling, ...] = ()
    _reader: Callable[[object], object] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.type is FieldType.BOOLEAN and self.allowed is None:
            object.__setattr__(self, "allowed", (True, False))
        object.__setattr__(self, "_reader", READERS.get(self.type))

    @property
    def unsaid(self) -> Any:  # noqa: ANN401 - of the field's type
        """What a request says that does not have the field in its row; see `implied`."""
        return self.default if isinstance(self.implied, _SameAsDefault) else self.implied

    @property
    def is_settable(self) -> bool:
        """Whether a request may say it."""
        return self.allowed != ()

    @property
    def spellings(self) -> tuple[Spelling, ...]:
        """What the job shape calls it."""
        return self.job or (Spelling(self.name, self.help),)

    def read(self, value: object) -> object:
        """A value in its own type, however JSON spells it; what has another comes back as it is."""
        return value if self._reader is None else self._reader(value)

    def is_of_type(self, value: object) -> bool:
        """Whether a value that `read` gave is of the field's type, allowed or not."""
        match self.type:
            case FieldType.SECONDS:
                return type(value) is int or value == AUTO
            case FieldType.INTEGER:
                return type(value) is int
            case FieldType.NUMBER:
                return type(value) is float
            case FieldType.BOOLEAN:
                return type(value) is bool
            case FieldType.TEXT:
                return isinstance(value, str)
            case FieldType.IMAGE | FieldType.VIDEO | FieldType.REFERENCES:
                return isinstance(value, Reference)
            case _:
                assert_never(self.type)

    def read_text(self, text: str) -> object:
        """The same for a form, which knows only text."""
        return TRUTHS.get(text.lower(), text) if self.type is FieldType.BOOLEAN else text

    def check(self, value: object, model: str, param: str | None = None) -> Problem | None:
        """What is wrong with a value that `read` gave, if anything; `param`: how it was spelled."""
        param = param or self.name
        if self.allowed is None:
            return self._check_bounds(value, param)
        # In a loop: this runs for each field of each request, and a generator takes twice the time.
        for choice in self.allowed:
            if is_same(value, choice):
                return None
        if not self.allowed:
            return not_taken(param, value, model)
        choices = ", ".join(json.dumps(choice).strip('"') for choice in self.allowed)
        message = f"{param} {brief(value)} is not allowed for {model}: use one of {choices}"
        return Problem(param, message, value, self.allowed)

    def _check_bounds(self, value: object, param: str) -> Problem | None:
        if isinstance(value, str) and self.type is FieldType.TEXT:
            return self._check_text(value, param)
        if self.is_of_type(value) and self._is_within(value):
            return None
        message = f"{param} {brief(value)} is not allowed: it takes {self.bounds()}"
        return Problem(param, message, value)

    def _is_within(self, value: object) -> bool:
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return not isinstance(value, int | float) or self._least <= value <= self._most

    def _check_text(self, text: str, param: str) -> Problem | None:
        if self._least >= 1 and not text.strip():
            return Problem(param, f"{param} is empty: it takes {self.bounds()}", text)
        if not is_text(text):
            return Problem(param, f"{param} holds half a surrogate pair, which is no character")
        if self._least <= len(text) <= self._most:
            return None
        message = f"{param} holds {len(text)} characters: it takes {self.bounds()}"
        return Problem(param, message, f"{text[:40]}..." if len(text) > self._most else text)

    @property
    def _least(self) -> float:
        if self.minimum is not None:
            return self.minimum
        return {FieldType.TEXT: 0, FieldType.NUMBER: -math.inf}.get(self.type, INT64[0])

    @property
    def _most(self) -> float:
        if self.maximum is not None:
            return self.maximum
        return {FieldType.TEXT: MAX_TEXT_CHARS, FieldType.NUMBER: math.inf}.get(self.type, INT64[1])

    def bounds(self) -> str:
        """What it takes, in words, where it has no list of values."""
        if self.type is FieldType.TEXT:
            least = f"{self._least:g} to " if self._least else "up to "
            return f"{least}{self._most:g} characters"
        kind = "a number" if self.type is FieldType.NUMBER else "a whole number"
        if self.minimum is None and self.maximum is None:
            return kind if self.type is FieldType.NUMBER else f"{kind} of 64 bits"
        if self.maximum is None:
            return f"{kind} of at least {self.minimum}"
        if self.minimum is None:
            return f"{kind} of at most {self.maximum}"
        return f"{kind} from {self.minimum} to {self.maximum}"

    def described(self) -> dict[str, Any]:
        """The row as the capabilities tell it: enough to build a form from."""
        is_text = self.type is FieldType.TEXT
        told = {
            "name": self.name,
            "type": "integer" if self.type is FieldType.SECONDS else self.type.value,
            "allowed": None if self.allowed is None else list(self.allowed),
            "min_chars" if is_text else "min": self.minimum,
            "max_chars" if is_text else "max": self.maximum,
        }
        given = {name: value for name, value in told.items() if value is not None}
        if self.is_required:
            given["required"] = True
        if self.needs:
            given["needs"] = self.needs
        if self.type is FieldType.REFERENCES:
            given["media"] = [
                {"kind": each.kind.value, "min": each.least, "max": each.most}
                for each in self.media
            ]
        if self.type is FieldType.VIDEO:
            given["sources"] = [each.value for each in self.sources]
        return given | {"default": self.default, "help": self.help}


def not_taken(param: str, value: object, model: str) -> Problem:
    """A field that a model does not have."""
    return Problem(param, f"{model} takes no {param}: leave it out", value, ())


def is_same(value: object, choice: object) -> bool:
    """Whether two values are equal and of one type: True is no 1."""
    return type(value) is type(choice) and value == choice


def is_text(value: str) -> bool:
    """Whether UTF-8 can write it down: JSON's escapes can smuggle in half a surrogate pair."""
    return SURROGATE.search(value) is None


def read_whole(value: object) -> object:
    """A whole number, however JSON or a form spells it; anything else as it is, to be refused."""
    if isinstance(value, str) and WHOLE.fullmatch(value):
        return int(value.partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def read_number(value: object) -> object:
    """A number as a float; anything else, and what is too large for one, as it is."""
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    return float(value) if type(value) is int and INT64[0] <= value <= INT64[1] else value


READERS: Mapping[FieldType, Callable[[object], object]] = {
    FieldType.INTEGER: read_whole,
    FieldType.SECONDS: read_whole,
    FieldType.NUMBER: read_number,
}

PROMPT = Field(
    name="prompt",
    type=FieldType.TEXT,
    help=f"What the video shows: 1 to {MAX_PROMPT_CHARS} characters.",
    minimum=1,
    maximum=MAX_PROMPT_CHARS,
)
ASPECT_RATIO = Field(
    name="aspect_ratio",
    type=FieldType.TEXT,
    help="The frame's width to its height.",
    blocking_help="",
    allowed=(),
    job=(
        Spelling("size", "`1280x720` and the like.", is_frame=True),
        Spelling("aspect_ratio", "`16:9` and the like."),
    ),
)
DURATION = Field(
    name="duration",
    type=FieldType.SECONDS,
    help="How long the video is, in seconds.",
    blocking_help="Seconds.",
    allowed=(),
    job=(
        Spelling("seconds", "How long the video is, OpenAI's spelling."),
        Spelling("duration", "How long the video is, our spelling."),
    ),
)
RESOLUTION = Field(
    name="resolution",
    type=FieldType.TEXT,
    help="The frame's shorter side.",
    blocking_help="",
    allowed=(),
    job=(Spelling("resolution", "`720p` and the like."),),
)
SEED = Field(
    name="seed",
    type=FieldType.INTEGER,
    help="The same seed and request may give the same video again.",
)
NEGATIVE_PROMPT = Field(
    name="negative_prompt",
    type=FieldType.TEXT,
    help="What the video is not to show.",
)
AUDIO = Field(name="audio", type=FieldType.BOOLEAN, help="Make sound, too.")
ONE_PICTURE = (Medium(Kind.IMAGE, 1),)
MAX_PRICE = Field(
    name="max_price",
    type=FieldType.NUMBER,
    help="The most it may cost, in US dollars; dearer ones are refused before anything is paid.",
    minimum=0,
)
ALLOW_UNPRICED = Field(
    name="allow_unpriced",
    type=FieldType.BOOLEAN,
    help="Make it also where nobody knows whether it costs more than `max_price`.",
    default=False,
)
FIRST_FRAME = Field(
    name="input_reference",
    type=FieldType.IMAGE,
    help="A picture to start from.",
    media=ONE_PICTURE,
    job=(
        Spelling("input_reference", "A picture to start from, OpenAI's spelling."),
        Spelling("first_frame", "A picture to start from, our spelling."),
    ),
)
LAST_FRAME = Field(
    name="last_frame",
    type=FieldType.IMAGE,
    help="A picture to end with.",
    media=ONE_PICTURE,
    needs=FIRST_FRAME.name,
)
REFERENCES = Field(
    name="input_references",
    type=FieldType.REFERENCES,
    help="Pictures, videos and sounds that show how something looks, moves or sounds.",
)
ONE_VIDEO = (Medium(Kind.VIDEO, 1),)
EDIT_VIDEO = Field(
    name="edit_video",
    type=FieldType.VIDEO,
    help="A video to change as the prompt says: the `video` of `POST /v1/videos/edits`.",
    media=ONE_VIDEO,
)
EXTEND_VIDEO = Field(
    name="extend_video",
    type=FieldType.VIDEO,
    help="A video to go on with as the prompt says: the `video` of `POST /v1/videos/extensions`.",
    media=ONE_VIDEO,
)
SHAPE = (ASPECT_RATIO, DURATION, RESOLUTION)
"""The common fields that a request holds by name."""
PAYMENT = (MAX_PRICE, ALLOW_UNPRICED)
"""What the gateway itself heeds, whoever makes the video: every model has these rows."""
VALUES = (*SHAPE, SEED, NEGATIVE_PROMPT, AUDIO, *PAYMENT)
"""The common fields that hold a plain value and may be left out, in their order in requests."""
MEDIA = {
    Role.FIRST_FRAME: FIRST_FRAME,
    Role.LAST_FRAME: LAST_FRAME,
    Role.REFERENCE: REFERENCES,
    Role.EDIT: EDIT_VIDEO,
    Role.EXTEND: EXTEND_VIDEO,
}
"""The common fields that hold references, in the order in which requests hold these."""
HOLD_REFERENCES = frozenset(row.name for row in MEDIA.values())
OF_PAYMENT = frozenset(row.name for row in PAYMENT)
COMMON = {field.name: field for field in (PROMPT, *VALUES, *MEDIA.values())}


def references(*media: Medium, most: int | None = None) -> Field:
    """The row of a model that takes these references; `most` is that of all together."""
    return replace(REFERENCES, media=media, maximum=most)
