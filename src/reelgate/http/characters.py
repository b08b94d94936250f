"""OpenAI's characters: who or what an account has learned to show, by the video of it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from reelgate.db.characters import Characters
from reelgate.domain.catalog import Catalog, Model
from reelgate.domain.character import Character, new_character_id
from reelgate.errors import CharacterNotFound, InvalidRequest, Problem, UnsupportedMedia, brief
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute
from reelgate.http.errors import shortened
from reelgate.http.openapi import FORM, REFUSED
from reelgate.http.parsing import charset_of, is_form, read_form, sent_twice, text_of, validated
from reelgate.http.reference_fields import SOURCE, Text, file_in
from reelgate.images.fetch import Read
from reelgate.providers.base import keeps_characters

router = APIRouter(prefix="/v1/videos/characters", tags=["Videos"], route_class=AuthenticatedRoute)

MAX_NAME_CHARS = 80


class CharacterCreate(BaseModel):
    """Who or what it is."""

    model_config = ConfigDict(extra="forbid")

    name: Text = Field(min_length=1, max_length=MAX_NAME_CHARS, description="Its name in prompts.")
    model: StrictStr | None = Field(None, description="Who is to show it; else the default.")


class CharacterObject(BaseModel):
    """A character, as OpenAI's SDKs read it."""

    id: str
    created_at: int
    name: str


BODY = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["name", SOURCE],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS},
                        "model": {"type": "string"},
                        SOURCE: {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    response_model=CharacterObject,
    summary="Let an account learn a character from a video",
    responses=REFUSED,
    openapi_extra=BODY,
)
async def create_character(request: AuthenticatedRequest) -> Response:
    """At the account of a model that can: `capabilities.characters` tells."""
    async with AsyncExitStack() as stack:
        told, read = await read_character(request, stack)
        catalog = request.service.catalog
        model = catalog.find(told.model or catalog.default)
        provider = request.ctx.providers.get(model.provider)
        if not model.keeps_characters or provider is None or not keeps_characters(provider):
            raise keeps_none(model, catalog)
        provider_id = await provider.create_character(told.name, await read(), model=model.id)
    character = Character(
        id=new_character_id(),
        owner=request.owner,
        provider=model.provider,
        provider_id=provider_id,
        name=told.name,
        created_at=request.service.now(),
    )
    await Characters(request.ctx.database).add(character)
    return JSONResponse(character.described())


@router.get(
    "/{character_id}",
    response_model=CharacterObject,
    summary="One character",
    responses={404: {"description": "There is no such character."}},
)
async def get_character(
    character_id: Annotated[str, Path(description="The character's id: `char_...`.")],
    request: AuthenticatedRequest,
) -> Response:
    """As it was made; a key sees its own only."""
    found = await Characters(request.ctx.database).find(character_id, request.owner)
    if found is None:
        message = f"character {brief(character_id)} does not exist"
        raise CharacterNotFound(message, param="character_id")
    return JSONResponse(found.described())


async def read_character(
    request: AuthenticatedRequest, stack: AsyncExitStack
) -> tuple[CharacterCreate, Read]:
    """What a form says, and what reads the video in it until the stack is closed.

    Raises:
        InvalidRequest, MalformedRequest: it cannot be read, or a field is wrong.
        UnsupportedMedia: it is no form.
    """
    if not is_form(request.headers):
        message = f"a character is made of a file: send a {FORM} form with `name` and `{SOURCE}`"
        raise UnsupportedMedia(message)
    charset = charset_of(request.headers["content-type"])
    fields: dict[str, str] = {}
    read: Read | None = None
    for name, part in await read_form(request, stack):
        if name in fields or (name == SOURCE and read is not None):
            raise sent_twice(name)
        if (found := file_in(name, part, {SOURCE})) is not None:
            read = found[1]
        elif isinstance(part, bytes):
            fields[name] = text_of(part, charset, shortened(name))
    told = validated(CharacterCreate, fields)
    if read is None:
        message = f"{SOURCE} is missing: send an MP4, MOV or WebM file"
        raise InvalidRequest(problems=(Problem(SOURCE, message),))
    return told, read


def keeps_none(model: Model, catalog: Catalog) -> InvalidRequest:
    """A model whose account keeps no characters, and those whose account does."""
    able = tuple(each.id for each in catalog.models() if each.keeps_characters)
    instead = f"use one of {', '.join(able)}" if able else "no model of this gateway does"
    message = f"{model.id} keeps no characters: {instead}"
    return InvalidRequest(problems=(Problem("model", message, model.id, able),))
