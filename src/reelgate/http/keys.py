"""`/v1/keys`: the API keys, for whoever runs the gateway."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from reelgate.clock import SystemClock
from reelgate.db.api_keys import ApiKeys
from reelgate.domain.api_keys import Allowance, ApiKey, key_object
from reelgate.http.auth import AuthenticatedRequest, OperatorRoute
from reelgate.http.openapi import Responses, body_schema_of
from reelgate.http.parsing import read_json, validated
from reelgate.http.schemas import ErrorAnswer, KeyChange, KeyCreate, KeyRotate
from reelgate.service.keys import Keys

router = APIRouter(prefix="/v1/keys", tags=["Keys"], route_class=OperatorRoute)

NO_STORE = {"Cache-Control": "no-store"}
"""An answer may hold a secret."""

NO_KEY: Responses = {
    404: {"model": ErrorAnswer, "description": "There is no such key."},
    422: {"model": ErrorAnswer, "description": "A value that is not allowed."},
}
KeyId = Annotated[str, Path(description="The key's id: `key_...`.")]


class KeyObject(KeyChange):
    """A key, without its secret."""

    id: str
    object: Literal["api_key"] = "api_key"
    created_at: float = Field(description="Unix seconds.")
    previous_until: float | None = Field(
        description="Until when the secret before its last rotation works, Unix seconds."
    )


class NewKey(KeyObject):
    """A key, and its secret, which is told only now."""

    key: str = Field(description="What clients send as `Authorization: Bearer rg_...`.")


class KeyList(BaseModel):
    """The keys that were not revoked, the oldest first."""

    object: Literal["list"] = "list"
    data: list[KeyObject]


class KeyRevoked(BaseModel):
    """A key that works no more."""

    id: str
    object: Literal["api_key.revoked"] = "api_key.revoked"
    revoked: Literal[True] = True


@router.post(
    "",
    response_model=NewKey,
    summary="Make an API key",
    responses=NO_KEY,
    openapi_extra=body_schema_of(KeyCreate),
)
async def create_key(request: AuthenticatedRequest) -> JSONResponse:
    """The key, and its secret, which is told only now. Once there is one, keys are asked for."""
    wanted = validated(KeyCreate, await read_json(request))
    key = wanted.applied_to(ApiKey("", wanted.name, Allowance(), 0.0))
    made, secret = await keys_of(request).create(
        key.name, key.allowance, key.scopes, key.expires_at
    )
    await request.ctx.gatekeeper.refresh()
    return JSONResponse(key_object(made) | {"key": secret}, headers=NO_STORE)


@router.get("", response_model=KeyList, summary="List the API keys")
async def list_keys(request: AuthenticatedRequest) -> JSONResponse:
    """Without their secrets, which are not kept."""
    known = await keys_of(request).known()
    data = [key_object(key) for key in known.by_digest.values()]
    return JSONResponse({"object": "list", "data": data}, headers=NO_STORE)


@router.get("/{key_id}", response_model=KeyObject, summary="One API key", responses=NO_KEY)
async def get_key(key_id: KeyId, request: AuthenticatedRequest) -> JSONResponse:
    """Without its secret."""
    return JSONResponse(key_object(await keys_of(request).find(key_id)), headers=NO_STORE)


@router.post(
    "/{key_id}",
    response_model=KeyObject,
    summary="Change what an API key may do",
    responses=NO_KEY,
    openapi_extra=body_schema_of(KeyChange),
)
async def change_key(key_id: KeyId, request: AuthenticatedRequest) -> JSONResponse:
    """What the request leaves out stays; `null` lifts a limit. `expires_at` lets it expire."""
    wanted = validated(KeyChange, await read_json(request))
    keys = keys_of(request)
    key = await keys.change(wanted.applied_to(await keys.find(key_id)))
    await request.ctx.gatekeeper.refresh()
    return JSONResponse(key_object(key), headers=NO_STORE)


@router.post(
    "/{key_id}/rotate",
    response_model=NewKey,
    summary="Give an API key another secret",
    responses=NO_KEY,
    openapi_extra=body_schema_of(KeyRotate, required=False),
)
async def rotate_key(key_id: KeyId, request: AuthenticatedRequest) -> JSONResponse:
    """The secret before works for `overlap_s` more; one before that no more."""
    told = await read_json(request) if await request.body() else {}
    wanted = validated(KeyRotate, told)
    key, secret = await keys_of(request).rotate(key_id, wanted.overlap_s)
    await request.ctx.gatekeeper.refresh()
    return JSONResponse(key_object(key) | {"key": secret}, headers=NO_STORE)


@router.delete("/{key_id}", summary="Revoke an API key", responses=NO_KEY)
async def revoke_key(key_id: KeyId, request: AuthenticatedRequest) -> KeyRevoked:
    """It works no more; its videos stay. Other processes know within seconds."""
    await keys_of(request).revoke(key_id)
    await request.ctx.gatekeeper.refresh()
    return KeyRevoked(id=key_id)


def keys_of(request: AuthenticatedRequest) -> Keys:
    """The keys in the gateway's database."""
    return Keys(ApiKeys(request.ctx.database), SystemClock())
