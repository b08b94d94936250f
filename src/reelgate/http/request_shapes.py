"""Both shapes of a request for a video, made of the table of fields and what the models declare."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Request
from pydantic import Field, StrictStr, WithJsonSchema, create_model

from reelgate.domain.catalog import Catalog, DeclaredField, Model
from reelgate.domain.fields import (
    AUTO,
    FIRST_FRAME,
    PROMPT,
    FieldType,
    Spelling,
)
from reelgate.domain.sizes import sizes
from reelgate.http.schemas import GenerationRequest, prompt_schema
from reelgate.http.video_request import FromText, VideoCreate, from_text

Document = dict[str, Any]

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

    generation: type[GenerationRequest]
    video: type[VideoCreate]
    form: Document
    """The schema of the job shape as a multipart form."""
    texts: FromText
    """How each optional field of that form is read."""

    @classmethod
    def of(cls, catalog: Catalog) -> RequestShapes:
        """The shapes of these models."""
        declared = catalog.fields()
        first = next(iter(catalog.models()), None)
        prompt = catalog.prompt()
        prompt_field: Any = (
            StrictStr,
            Field(description=prompt.help, json_schema_extra=dict(prompt_schema(prompt))),
        )
        blocking: dict[str, Any] = {PROMPT.name: prompt_field} | {
            each.field.name: definition(each, blocking_help(each)) for each in declared
        }
        job: dict[str, Any] = {PROMPT.name: prompt_field} | {
            spelling.name: definition(each, spelling.help, spelling)
            for each in declared
            for spelling in each.field.spellings
        }
        return cls(
            generation=create_model(
                GenerationRequest.__name__,
                __base__=GenerationRequest,
                __doc__=GenerationRequest.__doc__,
                **blocking,
            ),
            video=create_model(
                VideoCreate.__name__,
                __base__=VideoCreate,
                __doc__=VideoCreate.__doc__,
                **job,
            ),
            form=form_schema(declared, prompt_schema(prompt)),
            texts=from_text(each.field for each in declared),
        ).with_examples(first)

    def with_examples(self, model: Model | None) -> RequestShapes:
        """The same, with an example of this model in the document."""
        for shape, example in (
            (self.generation, blocking_example(model)),
            (self.video, job_example(model)),
        ):
            shape.model_config["json_schema_extra"] = {"example": example}
        return self


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


def form_schema(declared: Iterable[DeclaredField], prompt: Document) -> Document:
    """The job shape as a form."""
    return {
        "type": "object",
        "required": [PROMPT.name],
        "additionalProperties": False,
        "properties": {
            PROMPT.name: STRING | prompt,
            "model": STRING,
            **{
                spelling.name: STRING if spelling.is_frame else FORM_SCHEMAS[each.field.type]
                for each in declared
                for spelling in each.field.spellings
            },
            "metadata": STRING | {"contentMediaType": "application/json"},
            FIRST_FRAME.name: STRING | {"format": "binary"},
            "webhook_url": STRING,
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
