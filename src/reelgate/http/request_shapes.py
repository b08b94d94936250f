"""Both shapes of a request for a video, made of the table of fields and what the models declare."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import Field, StrictStr, WithJsonSchema, create_model

from reelgate.domain.catalog import Catalog, DeclaredField, Model
from reelgate.domain.fields import AUTO, PROMPT, REFERENCES, FieldType, Spelling
from reelgate.domain.fields import Field as Row
from reelgate.domain.sizes import sizes
from reelgate.http.reference_fields import ONLY, SOURCE
from reelgate.http.request_form import BodyShape, from_text
from reelgate.http.video_request import (
    GenerationRequest,
    VideoBody,
    VideoChange,
    VideoCreate,
    prompt_schema,
)

Document = dict[str, Any]

CHANGE_EXAMPLE = {PROMPT.name: "the hotdogs are carrots", SOURCE: {"id": f"video_{0:032x}"}}
NULL = {"type": "null"}
STRING = {"type": "string"}
WHOLE_TEXT = r"-?[0-9]{1,18}(\.0+)?"
NUMBER_TEXT = r"-?[0-9]{1,18}(\.[0-9]{1,18})?"
JSON_SCHEMAS: dict[FieldType, list[Document]] = {
    FieldType.TEXT: [STRING],
    FieldType.INTEGER: [{"type": "integer"}, STRING | {"pattern": f"^{WHOLE_TEXT}$"}],
    FieldType.SECONDS: [
        {"type": "integer"},
        STRING | {"pattern": f"^{WHOLE_TEXT}$"},
        {"const": AUTO},
    ],
    FieldType.NUMBER: [{"type": "number"}, STRING | {"pattern": f"^{NUMBER_TEXT}$"}],
    FieldType.BOOLEAN: [{"type": "boolean"}],
}
"""How JSON spells a value; which of them it takes the model says, with the list of them."""
FORM_SCHEMAS: dict[FieldType, Document] = {
    FieldType.TEXT: STRING,
    FieldType.INTEGER: STRING | {"pattern": f"^({WHOLE_TEXT})?$"},
    FieldType.SECONDS: STRING | {"pattern": f"^({WHOLE_TEXT}|{AUTO})?$"},
    FieldType.NUMBER: STRING | {"pattern": f"^({NUMBER_TEXT})?$"},
    FieldType.BOOLEAN: STRING | {"pattern": "^([Tt]rue|[Ff]alse|TRUE|FALSE|1|0)?$"},
}
"""How a form spells it: an optional field may be left empty."""


@dataclass(frozen=True, slots=True)
class RequestShapes:
    """What requests may hold, for the models of one gateway."""

    generation: BodyShape[GenerationRequest]
    video: BodyShape[VideoCreate]
    change: BodyShape[VideoChange]

    @classmethod
    def of(cls, catalog: Catalog) -> RequestShapes:
        """The shapes of these models."""
        declared = catalog.fields()
        first = next(iter(catalog.models()), None)
        blocking = [(each.field.name, each, blocking_help(each), None) for each in declared]
        job = [
            (spelling.name, each, spelling.help, spelling)
            for each in declared
            for spelling in each.field.spellings
        ]
        prompt = catalog.prompt()
        return cls(
            shape_of(GenerationRequest, prompt, blocking, blocking_example(first)),
            shape_of(VideoCreate, prompt, job, job_example(first)),
            shape_of(VideoChange, prompt, job, CHANGE_EXAMPLE),
        )


Spelled = tuple[str, DeclaredField, str, Spelling | None]
"""A plain value of a shape: its name there, its field, its help, and its spelling if it has one."""
B = TypeVar("B", bound=VideoBody)


def shape_of(
    base: type[B], prompt: Row, values: Sequence[Spelled], example: Document
) -> BodyShape[B]:
    """A shape with these fields beside those that stand in its class."""
    fields: dict[str, Any] = {
        PROMPT.name: (
            StrictStr,
            Field(description=prompt.help, json_schema_extra=prompt_schema(prompt)),
        )
    }
    fields |= {name: definition(each, text, spelling) for name, each, text, spelling in values}
    model = create_model(base.__name__, __base__=base, __doc__=base.__doc__, **fields)
    model.model_config["json_schema_extra"] = {"example": example}
    plain = {
        name: STRING if spelling is not None and spelling.is_frame else FORM_SCHEMAS[row.field.type]
        for name, row, _, spelling in values
    }
    texts = from_text(base, {name: row.field for name, row, _, _ in values})
    return BodyShape(model, form_schema(base, prompt_schema(prompt), plain), texts)


def shapes_of(request: Request) -> RequestShapes:
    """The shapes that the app factory left for the routes."""
    shapes: RequestShapes = request.app.state.shapes
    return shapes


def definition(
    declared: DeclaredField, text: str, spelling: Spelling | None = None
) -> tuple[Any, Any]:
    """An optional field that may hold anything: the model checks it, and tells what it takes."""
    is_frame = spelling is not None and spelling.is_frame
    members = JSON_SCHEMAS[FieldType.TEXT if is_frame else declared.field.type]
    schema = WithJsonSchema({"anyOf": [*members, NULL]})
    return Annotated[object, schema], Field(None, description=text)


def blocking_help(declared: DeclaredField) -> str:
    """What a field is for, and what the first model that takes it takes."""
    row = declared.field
    text = row.help if row.blocking_help is None else row.blocking_help
    values = values_in_words(declared)
    return " ".join(part for part in (text, values) if part)


def values_in_words(declared: DeclaredField) -> str:
    """Such as `MODEL: 5, 6, 12 (default).`."""
    row = declared.field
    if declared.model is None:
        return ""
    if row.type is FieldType.BOOLEAN:
        told = "" if row.default is None else json.dumps(row.default)
    elif row.allowed is not None:
        told = ", ".join(marked(choice, row.default) for choice in row.allowed)
    else:
        bounds = "" if (row.minimum, row.maximum) == (None, None) else row.bounds()
        default = "" if row.default is None else f"{quoted(row.default)} by default"
        told = ", ".join(part for part in (bounds, default) if part)
    return f"{declared.model}: {told}." if told else f"{declared.model} takes it."


def marked(choice: object, default: object) -> str:
    """A value, and whether it is the default."""
    return f"{quoted(choice)} (default)" if choice == default else quoted(choice)


def quoted(value: object) -> str:
    """A value in Markdown."""
    return f"`{value}`" if isinstance(value, str) else json.dumps(value)


def form_schema(base: type[VideoBody], prompt: Document, plain: Document) -> Document:
    """A shape as a form; `plain`: its plain values."""
    file = STRING | {"format": "binary"}
    return {
        "type": "object",
        "required": [PROMPT.name],
        "additionalProperties": False,
        "properties": {
            name: STRING | ({"contentMediaType": "application/json"} if name == "metadata" else {})
            for name in base.model_fields
        }
        | dict.fromkeys(ONLY.keys() & base.model_fields.keys(), file)
        | {REFERENCES.name: {"type": "array", "items": file}}
        | ({f"{SOURCE}[id]": STRING} if SOURCE in base.model_fields else {})
        | {
            PROMPT.name: STRING | prompt,
            "strict": FORM_SCHEMAS[FieldType.BOOLEAN],
            **plain,
        },
    }


def blocking_example(model: Model | None) -> Document:
    """A request for the first of everything that the model takes."""
    rows = model.rows.values() if model else ()
    values = {row.name: row.allowed[0] if row.allowed else row.default for row in rows}
    return {PROMPT.name: "cat eating hotdogs in a park"} | {
        name: value for name, value in values.items() if value is not None
    }


def job_example(model: Model | None) -> Document:
    """The same in OpenAI's spelling."""
    example: Document = {PROMPT.name: "A cat eating hotdogs in a park"}
    if model is None:
        return example
    frames = sizes(model.aspect_ratios, model.resolutions)
    return (
        {"model": model.id}
        | example
        | ({"seconds": str(model.durations[0])} if model.durations else {})
        | ({"size": next(iter(frames))} if frames else {})
    )
