"""What each model takes and what it is called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from reelgate.domain.video import Duration, VideoRequest
from reelgate.errors import InvalidRequest, ModelNotFound, Problem, brief

T = TypeVar("T")

MAX_PROMPT_CHARS = 2000
STYLE_IDS = range(-(2**63), 2**63)
"""What the upstream's own number for a style may be: it fits in 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model's name and capabilities; an empty tuple means that it takes no such field."""

    id: str
    provider: str
    owned_by: str
    created: int
    style_id: int
    aspect_ratios: tuple[str, ...] = ()
    durations: tuple[Duration, ...] = ()
    resolutions: tuple[str, ...] = ()
    default_aspect_ratio: str | None = None
    default_duration: Duration | None = None
    default_resolution: str | None = None
    default_is_enhance: bool | None = None
    takes_style: bool = False
    takes_reference: bool = False
    options: frozenset[str] = frozenset()

    def takes(self, request: VideoRequest) -> bool:
        """Whether a request is for this model and has no option that it does not know."""
        return request.model == self.id and request.options.keys() <= self.options

    def capabilities(self) -> dict[str, Any]:
        """What a request for this model may hold, as `GET /v1/models` shows it."""
        return {
            "aspect_ratios": list(self.aspect_ratios),
            "durations": list(self.durations),
            "resolutions": list(self.resolutions),
            "defaults": {
                "aspect_ratio": self.default_aspect_ratio,
                "duration": self.default_duration,
                "resolution": self.default_resolution,
                "style_id": self.style_id if self.takes_style else None,
                "is_enhance": self.default_is_enhance,
            },
            "style_id": self.takes_style,
            "is_enhance": self.default_is_enhance is not None,
            "input_reference": self.takes_reference,
            "max_prompt_chars": MAX_PROMPT_CHARS,
        }

    def request(
        self,
        *,
        prompt: str,
        aspect_ratio: object = None,
        duration: object = None,
        resolution: object = None,
        style_id: object = None,
        is_enhance: object = None,
        reference_url: str | None = None,
    ) -> VideoRequest:
        """A complete request: defaults filled in where a field is None.

        A value of any type may be given: what is not allowed is refused here, with what is.

        Raises:
            InvalidRequest: with one problem for each field this model does not take.
        """
        problems = [
            problem
            for problem in (
                check_prompt(prompt),
                self.check("aspect_ratio", aspect_ratio, self.aspect_ratios),
                self.check("duration", duration, self.durations),
                self.check("resolution", resolution, self.resolutions),
                self._check_style(style_id),
                self.check("is_enhance", is_enhance, self._enhancements),
                self._check_taken("input_reference", reference_url, taken=self.takes_reference),
            )
            if problem is not None
        ]
        if problems:
            raise InvalidRequest(problems=tuple(problems))
        return VideoRequest(
            model=self.id,
            prompt=prompt,
            aspect_ratio=chosen(aspect_ratio, self.aspect_ratios, self.default_aspect_ratio),
            duration=chosen(duration, self.durations, self.default_duration),
            resolution=chosen(resolution, self.resolutions, self.default_resolution),
            style_id=style_id if isinstance(style_id, int) else self.style_id,
            is_enhance=chosen(is_enhance, self._enhancements, self.default_is_enhance),
            reference_url=reference_url,
        )

    @property
    def _enhancements(self) -> tuple[bool, ...]:
        return () if self.default_is_enhance is None else (True, False)

    def check(self, param: str, value: object, allowed: tuple[Any, ...]) -> Problem | None:
        """What is wrong with a field that takes one of these values, if anything."""
        if value is None or any(is_same(value, choice) for choice in allowed):
            return None
        if not allowed:
            return self._check_taken(param, value, taken=False)
        choices = ", ".join(json.dumps(choice).strip('"') for choice in allowed)
        message = f"{param} {brief(value)} is not allowed for {self.id}: use one of {choices}"
        return Problem(param, message, value, allowed)

    def _check_style(self, value: object) -> Problem | None:
        if value is None or not self.takes_style:
            return self._check_taken("style_id", value, taken=False)
        if isinstance(value, int) and not isinstance(value, bool) and value in STYLE_IDS:
            return None
        message = f"style_id {brief(value)} is not allowed: it takes a whole number of 64 bits"
        return Problem("style_id", message, value)

    def _check_taken(self, param: str, value: object, *, taken: bool) -> Problem | None:
        if value is None or taken:
            return None
        return Problem(param, f"{self.id} takes no {param}: leave it out", value, ())


def chosen(value: object, allowed: Iterable[T], default: T | None) -> T | None:
    """The allowed value that was asked for, or the default."""
    return next((choice for choice in allowed if is_same(value, choice)), default)


def is_same(value: object, choice: object) -> bool:
    """Whether two values are equal and of one type: True is no 1."""
    return type(value) is type(choice) and value == choice


def check_prompt(prompt: str) -> Problem | None:
    """What is wrong with a prompt, if anything: it holds 1 to 2000 characters, not only blanks."""
    allowed = f"1 to {MAX_PROMPT_CHARS} characters"
    if not prompt.strip():
        return Problem("prompt", f"prompt is empty: it takes {allowed}", prompt)
    if not is_text(prompt):
        return Problem("prompt", "prompt holds half a surrogate pair, which is no character")
    if len(prompt) > MAX_PROMPT_CHARS:
        message = f"prompt holds {len(prompt)} characters: it takes {allowed}"
        return Problem("prompt", message, f"{prompt[:40]}...")
    return None


def is_text(value: str) -> bool:
    """Whether UTF-8 can write it down: JSON's escapes can smuggle in half a surrogate pair."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


class Catalog:
    """Every model that can be asked for, by its id or an alias."""

    def __init__(self, models: Iterable[Model], aliases: Mapping[str, str] | None = None) -> None:
        self._models = {model.id: model for model in models}
        self._aliases = dict(aliases or {})
        for alias, target in self._aliases.items():
            if target not in self._models:
                message = f"alias {alias!r} points at {target!r}, which is not a model"
                raise InvalidRequest(message)

    def models(self) -> tuple[Model, ...]:
        """All models, in the order in which the providers declare them."""
        return tuple(self._models.values())

    def aliases(self) -> Mapping[str, str]:
        """Other names, and the model each stands for."""
        return self._aliases

    def find(self, name: str) -> Model:
        """The model with this id or alias.

        Raises:
            ModelNotFound: naming those that exist.
        """
        model = self._models.get(self._aliases.get(name, name))
        if model is None:
            known = ", ".join([*self._models, *self._aliases])
            message = f"model {brief(name)} does not exist: use one of {known}"
            raise ModelNotFound(message, param="model")
        return model
