"""The models that can be asked for."""

from fastapi import APIRouter

from reelgate.domain.catalog import Model
from reelgate.http.auth import AuthenticatedRequest, AuthenticatedRoute
from reelgate.http.schemas import ModelList, ModelObject

router = APIRouter(tags=["Models"], route_class=AuthenticatedRoute)


@router.get("/v1/models", summary="List the models and what each takes")
async def list_models(request: AuthenticatedRequest) -> ModelList:
    """Every model that the caller's key may ask for, and every alias of one."""
    catalog = request.service.catalog
    allowance = request.ctx.gatekeeper.allowance_of(request.owner)
    named = [(model.id, model) for model in catalog.models()]
    named += [(alias, catalog.find(alias)) for alias in catalog.aliases()]
    data = [
        model_object(name, model) for name, model in named if allowance.allows_model(*model.names)
    ]
    return ModelList(data=data)


@router.get(
    "/v1/models/{model:path}",
    summary="One model and what it takes",
    responses={404: {"description": "There is no such model."}},
)
async def get_model(model: str, request: AuthenticatedRequest) -> ModelObject:
    """One model, by its id or an alias."""
    return model_object(model, request.service.catalog.find(model))


def model_object(name: str, model: Model) -> ModelObject:
    """A model under one of its names."""
    return ModelObject(
        id=name,
        created=model.created,
        owned_by=model.owned_by,
        alias_of=None if name == model.id else model.id,
        capabilities=model.capabilities(),
    )
