"""The OpenAPI document: what FastAPI derives, and what it cannot know of our answers."""

from __future__ import annotations

from typing import Any

from fastapi.encoders import jsonable_encoder
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from reelgate.http.errors import MEDIA_TYPE
from reelgate.http.request_shapes import RequestShapes
from reelgate.http.schemas import (
    ErrorAnswer,
    KeyChange,
    KeyCreate,
    KeyRotate,
    RemixRequest,
    ShareRequest,
)
from reelgate.http.video_request import VideoChange, VideoCreate

REF = "#/components/schemas/{model}"
ERROR = REF.format(model=ErrorAnswer.__name__)
PLAIN_SHAPES = (RemixRequest, ShareRequest, KeyCreate, KeyChange, KeyRotate, ErrorAnswer)
"""Of bodies that routes read themselves, and of errors."""
FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
"""Shapes of errors that no answer of ours has."""
METHODS = frozenset({"get", "post", "delete"})

Document = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]

NOT_FOUND: Responses = {404: {"description": "There is no such video."}}
REFUSED: Responses = {
    400: {"description": "The body cannot be read."},
    413: {"description": "The body is too large."},
    415: {"description": "The body is neither JSON nor a form."},
    422: {"description": "A value the model does not take."},
    **NOT_FOUND,
}

JSON, FORM = "application/json", "multipart/form-data"


def json_or_form(shape: type[BaseModel]) -> Document:
    """A body that the routes read themselves: either kind may hold the same fields.

    What these are the catalog tells: `completed` puts the form's schema in.
    """
    schema = {"$ref": REF.format(model=shape.__name__)}
    return {
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": schema}, FORM: {"schema": {}}},
        }
    }


CREATE_BODY = json_or_form(VideoCreate)
CHANGE_BODY = json_or_form(VideoChange)

API_KEY = HTTPBearer(
    scheme_name="ApiKey",
    bearerFormat="rg_...",
    description="Made with `reelgate keys create NAME`. A gateway without keys needs none.",
    auto_error=False,
)
"""What `/docs` shows behind its button "Authorize"."""
KEY_OR_NONE: list[dict[str, list[str]]] = [{API_KEY.scheme_name: []}, {}]
"""A key where there are keys; `{}` stands for none (OpenAPI 3.1, Security Requirement)."""
KEYLESS = frozenset({"Gateway"})
"""The sections that never ask for a key."""
DENIED = {
    "401": "The API key is missing or wrong.",
    "403": "Without a key: from a page of another origin, by an unknown host name, or through a "
    "proxy. Or the upstream's moderation refused the prompt.",
}


def body_schema_of(shape: type[BaseModel], *, required: bool = True) -> Document:
    """A JSON body of this shape, for a route that reads it itself."""
    schema = {"$ref": REF.format(model=shape.__name__)}
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}
    }


def completed(document: Document, shapes: RequestShapes) -> Document:
    """The document with the requests' shapes, every error in its one shape, and who may call."""
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        API_KEY.scheme_name: jsonable_encoder(API_KEY.model, by_alias=True, exclude_none=True)
    }
    schemas = components.setdefault("schemas", {})
    for name in FASTAPIS_OWN:
        schemas.pop(name, None)
    bodies = (shapes.video, shapes.change, shapes.generation)
    forms = {REF.format(model=each.model.__name__): each.form for each in bodies}
    models = (each.model for each in bodies)
    for shape in (*models, *PLAIN_SHAPES):
        add_schema(schemas, shape.model_json_schema(ref_template=REF))
    for path in document.get("paths", {}).values():
        for method in METHODS & path.keys():
            guard(path[method])
            body = path[method].get("requestBody", {}).get("content", {})
            if FORM in body and JSON in body:
                body[FORM] = {"schema": forms[body[JSON]["schema"]["$ref"]]}
            complete(path[method]["responses"])
    return document


def guard(operation: Document) -> None:
    """Tell that an operation asks for a key, where there are keys.

    FastAPI derives the same from a dependency on each route, which would cost every request time.
    """
    if KEYLESS.isdisjoint(operation.get("tags", ())):
        operation["security"] = KEY_OR_NONE
        for status, description in DENIED.items():
            operation["responses"].setdefault(status, {"description": description})


def add_schema(schemas: Document, schema: Document) -> None:
    """Put a schema and those it is made of beside the others."""
    parts = schema.pop("$defs", {})
    schemas.update(parts)
    schemas[schema["title"]] = schema


def complete(responses: Document) -> None:
    """Tell an operation's errors as what they are: problem details (RFC 9457)."""
    for status, response in responses.items():
        if status.startswith(("4", "5")) and not has_a_shape_of_its_own(response):
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": ERROR}}}
    responses["default"] = {
        "description": "Any other error; `error.code` tells which.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": ERROR}}},
    }


def has_a_shape_of_its_own(response: Document) -> bool:
    """Whether an answer with an error's status is no error: `/ready` tells more than that."""
    content = response.get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref", ERROR)
    return reference not in {ERROR, *(REF.format(model=name) for name in FASTAPIS_OWN)}
