"""Virtual models: one name for several models, of which each request is made with one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from reelgate.domain.catalog import Model
from reelgate.domain.fields import PROMPT, Field, is_same
from reelgate.domain.video import VideoRequest

ROUTED = "routed"
"""Stands in place of a provider's name with a virtual model."""
CREATED = 1767225600
"""1 January 2026: a virtual model has no date of its own."""


class Goal(StrEnum):
    """By what the targets of a virtual model are put in order."""

    FIRST = "first"  # as they stand, or by chance where they have weights
    CHEAPEST = "cheapest"  # by their prices; those without a price last
    FASTEST = "fastest"  # by the durations learned so far


@dataclass(frozen=True, slots=True)
class Target:
    """A model that a virtual model may stand for; `weight` is its share where others have one."""

    model: str
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class VirtualModel:
    """A name for several models."""

    name: str
    targets: tuple[Target, ...]
    goal: Goal = Goal.FIRST


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A target that was not asked, or that surely refused, and why."""

    model: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a request for a virtual model went.

    Attributes:
        asked: the request as it was made, for the virtual model.
        chosen: the model that makes, or made, the video.
        why: why that one.
        passed: those that were not, in order.
        left: those that may still be tried, in order.
    """

    asked: VideoRequest
    chosen: str
    why: str
    passed: tuple[PassedOver, ...] = ()
    left: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """The route as the video object tells it."""
        return {
            "asked": self.asked.model,
            "chosen": self.chosen,
            "why": self.why,
            "passed_over": [{"model": each.model, "why": each.why} for each in self.passed],
        }


def as_model(virtual: VirtualModel, targets: Iterable[Model]) -> Model:
    """A virtual model as one that can be asked for: it takes whatever any of its targets takes.

    What a request leaves out, the target fills in.
    """
    rows: dict[str, Field] = {}
    for model in targets:
        for row in model.rows.values():
            known = rows.get(row.name)
            rows[row.name] = row if known is None else widened(known, row)
    return Model(
        id=virtual.name,
        provider=ROUTED,
        owned_by="reelgate",
        created=CREATED,
        fields=tuple(
            row if row.name == PROMPT.name else replace(row, default=None) for row in rows.values()
        ),
    )


def widened(one: Field, other: Field) -> Field:
    """A field that takes what either takes.

    Raises:
        ValueError: they are of different types.
    """
    if one.type is not other.type:
        message = f"{one.name} is {one.type} for one target and {other.type} for another"
        raise ValueError(message)
    allowed = None
    if one.allowed is not None and other.allowed is not None:
        more = (v for v in other.allowed if not any(is_same(v, each) for each in one.allowed))
        allowed = (*one.allowed, *more)
    least, most = (one.minimum, other.minimum), (one.maximum, other.maximum)
    return replace(
        one,
        allowed=allowed,
        minimum=None if None in least else min(each for each in least if each is not None),
        maximum=None if None in most else max(each for each in most if each is not None),
        is_required=one.is_required and other.is_required,
        media=one.media or other.media,
        sources=tuple(dict.fromkeys((*one.sources, *other.sources))),
    )


def said_of(asked: VideoRequest) -> Mapping[str, Any]:
    """What a request says, by the names of its fields, for another model to read."""
    named = {
        PROMPT.name: asked.prompt,
        "aspect_ratio": asked.aspect_ratio,
        "duration": asked.duration,
        "resolution": asked.resolution,
    }
    return {name: value for name, value in named.items() if value is not None} | dict(asked.options)
