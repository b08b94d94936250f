"""The models of a `/v1/videos` server, as far as it tells what they take.

`GET /v1/models` tells names only. Another Reelgate tells each model's fields and price as well, so
that they are the same here as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from reelgate.domain.catalog import Model
from reelgate.domain.fields import (
    COMMON,
    DURATION,
    EDIT_VIDEO,
    EXTEND_VIDEO,
    FIRST_FRAME,
    NEGATIVE_PROMPT,
    SEED,
    Field,
    FieldType,
    Medium,
    Source,
)
from reelgate.domain.price import Per, Price, Rate, Unit
from reelgate.domain.reading import Rule
from reelgate.domain.reference import Kind
from reelgate.providers.api_settings import MODEL_ID
from reelgate.providers.payload import first_object, text_in
from reelgate.providers.shapes import CREATED, OPEN

OWNER = "videos"
SECONDS = "seconds"
"""The wire's name of the duration."""

OPEN_FIELDS = (
    *OPEN.fields(duration=SECONDS),
    replace(SEED, wire="seed"),
    replace(NEGATIVE_PROMPT, wire="negative_prompt"),
    # Official: vLLM-Omni's own.
    Field(
        name="num_inference_steps",
        type=FieldType.INTEGER,
        help="Steps of the diffusion.",
        minimum=1,
        maximum=1000,
        wire="num_inference_steps",
    ),
    Field(
        name="guidance_scale",
        type=FieldType.NUMBER,
        help="How closely the video follows the prompt.",
        minimum=0,
        maximum=100,
        wire="guidance_scale",
    ),
    Field(
        name="fps",
        type=FieldType.INTEGER,
        help="Frames per second.",
        minimum=1,
        maximum=120,
        wire="fps",
    ),
    FIRST_FRAME,
)
"""Of a model of which only the name is known; what the server cannot do it says itself."""


OPEN_SOURCES = (Source.OWN, Source.FILE)
"""OpenAI's: a video's id, or a file."""
OPEN_CHANGES = (
    replace(EDIT_VIDEO, sources=OPEN_SOURCES),
    replace(EXTEND_VIDEO, sources=OPEN_SOURCES, needs=DURATION.name),
)
OPEN_RULES = tuple(
    Rule(field=change.name, other=row.name)
    for change in OPEN_CHANGES
    for row in OPEN_FIELDS
    if row.name != change.needs
)
"""Official: the two routes take a prompt, a video, and for an extension its seconds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One model; without a name there it is the server's own choice."""

    id: str
    wire: str
    fields: tuple[Field, ...] = OPEN_FIELDS + OPEN_CHANGES
    price: Price | None = None
    rules: tuple[Rule, ...] = OPEN_RULES
    keeps_characters: bool = True

    def model(self, provider: str) -> Model:
        """The row as a model of an account."""
        return Model(
            id=self.id,
            provider=provider,
            owned_by=OWNER,
            created=CREATED,
            price=self.price,
            fields=self.fields,
            rules=self.rules,
            keeps_characters=self.keeps_characters,
        )


def rows_of(account: str, names: Iterable[str]) -> tuple[Row, ...]:
    """The models of these names, and last the one that the server itself chooses."""
    rows = {name: Row(name, name) for name in names}
    return tuple(({account: Row(account, "")} | rows).values())


def rows_in(told: object) -> Iterator[Row]:
    """The models in the answer to `GET /v1/models`; what cannot be read is left out."""
    listed = first_object(told).get("data")
    for each in listed if isinstance(listed, list) else ():
        entry = first_object(each)
        name = text_in(entry, "id")
        if not MODEL_ID.fullmatch(name) or entry.get("alias_of"):
            continue
        capabilities = first_object(entry.get("capabilities"))
        if not capabilities:
            yield Row(name, name)
            continue
        row = Row(
            name,
            name,
            tuple(fields_in(capabilities)),
            price_in(capabilities.get("price")),
            tuple(rules_in(capabilities)),
            capabilities.get("characters") is True,
        )
        try:
            row.model(OWNER)
        except ValueError:
            # A field or a price by it that means something else in this version.
            row = Row(name, name)
        yield row


def is_reelgate(told: object) -> bool:
    """Whether the list is another Reelgate's."""
    listed = first_object(told).get("data")
    return isinstance(listed, list) and any("capabilities" in first_object(x) for x in listed)


def fields_in(capabilities: Mapping[str, Any]) -> Iterator[Field]:
    """Another Reelgate's fields as rows of ours; see `Field.described`."""
    listed = capabilities.get("fields")
    for each in listed if isinstance(listed, list) else ():
        told = first_object(each)
        name = text_in(told, "name")
        try:
            row = COMMON.get(name) or Field(name=name, type=FieldType(told["type"]))
            yield replace(
                row,
                help=text_in(told, "help"),
                allowed=None if told.get("allowed") is None else tuple(told["allowed"]),
                minimum=told.get("min_chars", told.get("min")),
                maximum=told.get("max_chars", told.get("max")),
                default=told.get("default"),
                is_required=told.get("required") is True,
                needs=text_in(told, "needs"),
                media=tuple(media_in(told)) or row.media,
                sources=tuple(sources_in(told)),
                wire=SECONDS if name == DURATION.name else name,
            )
        except (KeyError, TypeError, ValueError):
            continue


def rules_in(capabilities: Mapping[str, Any]) -> Iterator[Rule]:
    """Another Reelgate's rules; see `Rule.described`."""
    listed = capabilities.get("rules")
    for each in listed if isinstance(listed, list) else ():
        told = first_object(each)
        field, other = text_in(told, "field"), text_in(told, "other")
        only, values = told.get("only"), told.get("values", [])
        if field and other and isinstance(only, list) and isinstance(values, list):
            yield Rule(field=field, other=other, only=tuple(only), values=tuple(values))


def sources_in(told: Mapping[str, Any]) -> Iterator[Source]:
    """What a video may be given as: to another Reelgate always by the id that it has there."""
    listed = told.get("sources")
    if isinstance(listed, list):
        yield Source.OWN
    if not isinstance(listed, list) or Source.FILE in listed:
        yield Source.FILE


def media_in(told: Mapping[str, Any]) -> Iterator[Medium]:
    """How many references of each kind a field holds.

    Raises:
        KeyError, TypeError, ValueError: it cannot be read.
    """
    for each in told.get("media") or ():
        yield Medium(Kind(each["kind"]), int(each["max"]), int(each["min"]))


def price_in(told: object) -> Price | None:
    """Another Reelgate's price; see `Price.described`."""
    price = first_object(told)
    try:
        rates = tuple(
            Rate(Decimal(str(rate["amount"])), Per(rate["per"]), dict(rate["when"]))
            for rate in price["rates"]
        )
        credit = price.get("usd_per_credit")
        usd_per_credit = None if credit is None else Decimal(str(credit))
        if usd_per_credit is not None and not (usd_per_credit.is_finite() and usd_per_credit > 0):
            return None
        return Price(Unit(price["unit"]), str(price["certainty"]), rates, usd_per_credit)
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return None
