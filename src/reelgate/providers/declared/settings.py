"""What a provider's declaration holds, and what can be wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar, Literal

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from reelgate.domain.catalog import RESERVED
from reelgate.domain.video import Duration
from reelgate.net.hosts import http_url
from reelgate.provider_settings import ProviderSettings
from reelgate.providers.api_settings import MODEL_ID
from reelgate.providers.declared.template import placeholders

KEY = "{key}"
HEADER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9-]*): *(?P<value>.*)")
SIZES = ("size", "width", "height")
"""What ratio and resolution make together."""
SHAPE = ("duration", "aspect_ratio", "resolution")
TAKEN = ("seed", "negative_prompt", "audio", "first_frame", "last_frame")
OF_SUBMIT = ("marker", "push_url")
COMMON = ("model", "prompt", *SHAPE, *SIZES, *TAKEN, "references", *OF_SUBMIT)

VALUES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (),
}
"""What a field of a type may allow; a truth value is always one of two."""

Places = Iterator[tuple[tuple[str, ...], str]]
"""What is wrong, each with the keys that lead to it."""


class Part(BaseModel):
    """A table of a declaration."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Submit(Part):
    """The request that asks for a video, and where its answer tells the id."""

    method: Literal["POST", "PUT"] = "POST"
    path: str
    body: dict[str, Any]
    id: str


class Poll(Part):
    """The request that asks for a job, where its answer tells the status, and its words for it.

    A word in none of the lists is one for work.
    """

    path: str
    status: str
    done: list[str] = Field(min_length=1)
    failed: list[str] = Field(min_length=1)
    running: list[str] = []
    moderated: list[str] = []
    reason: str = ""
    progress: str = ""
    gap_s: float = Field(1.0, ge=0)


class Download(Part):
    """Where a finished video is: at an address in the poll's answer, or at a path of the API."""

    url: str = ""
    path: str = ""
    needs_key: bool = False


class Cancel(Part):
    """The request that stops a job."""

    method: Literal["DELETE", "POST", "PUT"] = "DELETE"
    path: str


class Errors(Part):
    """Where an error's answer tells its sentence and its code, and the codes of moderation."""

    message: str = "error.message"
    code: str = "error.code"
    moderated: list[str] = []


class OwnField(Part):
    """A field of a model's own."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    help: str = ""
    allowed: list[str | int | float] | None = None
    min: float | None = None
    max: float | None = None


class DeclaredModel(Part):
    """One model: what its videos can look like, the first of each the default, and its fields."""

    aspect_ratios: list[str] = []
    durations: list[Duration] = []
    resolutions: list[str] = []
    takes: list[Literal["seed", "negative_prompt", "audio", "first_frame", "last_frame"]] = []
    references: int = Field(0, ge=0, le=100)
    fields: dict[str, OwnField] = {}
    usd_per_second: Decimal | None = Field(None, ge=0)
    usd_per_video: Decimal | None = Field(None, ge=0)

    def sent(self) -> Iterator[str]:
        """The placeholders that its fields need."""
        lists = (self.durations, self.aspect_ratios, self.resolutions)
        yield from (name for name, values in zip(SHAPE, lists, strict=True) if values)
        yield from self.takes
        yield from (["references"] if self.references else [])
        yield from self.fields


class DeclaredSettings(ProviderSettings):
    """One account at a provider that the configuration file declares."""

    model_config = SettingsConfigDict(env_prefix="REELGATE_DECLARED__")

    title: ClassVar[str] = "a declared provider"

    base_url: str = Field(min_length=1)
    key: SecretStr = SecretStr("")
    key_variable: str = ""
    key_header: str = f"Authorization: Bearer {KEY}"
    submit: Submit
    poll: Poll
    download: Download
    cancel: Cancel | None = None
    errors: Errors = Errors()
    models: dict[str, DeclaredModel] = Field(min_length=1)

    @field_validator("base_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        return http_url(value)

    @field_validator("key_header")
    @classmethod
    def _is_header(cls, value: str) -> str:
        if not HEADER.fullmatch(value) or KEY not in value:
            message = f"it is no header with the key in it: write it like `X-Api-Key: {KEY}`"
            raise ValueError(message)
        return value

    @property
    def needs_key(self) -> bool:
        """Whether nobody may ask without one."""
        return bool(self.key_variable or self.key.get_secret_value())

    @property
    def secret(self) -> str:
        """The key, from the file or from the variable that it names."""
        said = {**dotenv_values(".env"), **os.environ}.get(self.key_variable)
        return said or self.key.get_secret_value()

    @property
    def is_configured(self) -> bool:
        """Whether the key is there, or none is wanted."""
        return bool(self.secret.strip()) or not self.needs_key

    @property
    def address(self) -> str:
        """The API's."""
        return self.base_url

    @property
    def model_to_try(self) -> str:
        """The first one."""
        return next(iter(self.models))

    def faults(self) -> Places:
        """What does not fit together, each with its place."""
        own = {name for model in self.models.values() for name in model.fields}
        used = set(placeholders(self.submit.body))
        for name in used - {*COMMON, *own}:
            known = ", ".join([*COMMON, *sorted(own)])
            yield ("submit", "body"), f"{{{name}}} is no placeholder: use {known}"
        for name in set(placeholders(self.submit.path)) - {"model"}:
            yield ("submit", "path"), f"{{{name}}} cannot stand in a path: use {{model}}"
        if "prompt" not in used:
            yield ("submit", "body"), "nothing sends the prompt: write {prompt} where it belongs"
        yield from self._paths()
        if bool(self.download.url) is bool(self.download.path):
            yield ("download",), "say where the video is: either url or path"
        yield from self._words()
        for name, model in self.models.items():
            if not MODEL_ID.fullmatch(name):
                message = "it is no model's name: it takes letters, digits, . _ : / and -"
                yield ("models", name), message
            for each in model.sent():
                if not is_sent(each, used):
                    message = f"nothing sends its {each}: write {{{each}}} into the submit's body"
                    yield ("models", name), message
            for own_name, row in model.fields.items():
                yield from self._of_field(("models", name, "fields", own_name), row)

    def _paths(self) -> Places:
        paths = {"poll": self.poll.path, "download": self.download.path}
        paths |= {"cancel": self.cancel.path} if self.cancel else {}
        for part, path in paths.items():
            if path and set(placeholders(path)) != {"id"}:
                yield (part, "path"), "it takes {id} once, and no other placeholder"

    def _of_field(self, place: tuple[str, ...], row: OwnField) -> Places:
        if place[-1] in {*COMMON, *RESERVED}:
            yield place, "it means something else in a request: give it another name"
        for value in row.allowed or ():
            if not isinstance(value, VALUES[row.type]):
                yield (*place, "allowed"), f"{value!r} is no {row.type}"

    def _words(self) -> Places:
        seen: dict[str, str] = {}
        for kind in ("running", "done", "failed", "moderated"):
            for word in getattr(self.poll, kind):
                if (other := seen.setdefault(word.lower(), kind)) != kind:
                    yield ("poll", kind), f"{word} is a word for {other} already"


def is_sent(name: str, used: set[str]) -> bool:
    """Whether a body that uses these placeholders sends a field."""
    if name in used:
        return True
    by_size = "size" in used or {"width", "height"} <= used
    return name in {"aspect_ratio", "resolution"} and by_size
