"""What Prometheus scrapes."""

from __future__ import annotations

import hmac

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reelgate.domain.api_keys import Scope
from reelgate.errors import InsufficientScope, InvalidApiKey, ReelgateError, RouteNotFound
from reelgate.http.auth import Context, context_of, owner_of
from reelgate.http.errors import on_error
from reelgate.net.hosts import is_loopback
from reelgate.service.callers import NOBODY, bearer

PATH = "/metrics"
WHO_MAY = (
    "metrics tell of every key's videos: use the operator's key, or one for the scraper alone, "
    "which REELGATE_METRICS_KEY sets"
)

SHARED = (
    "several processes serve on this port, and each counts for itself: set REELGATE_METRICS_PORT, "
    "from which on each of them has a port of its own"
)

router = APIRouter(tags=["Gateway"])


@router.get(
    PATH,
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "All metrics, as text."}},
)
async def get_metrics(request: Request) -> Response:
    """This process's counts since its start, and what the database holds of jobs now.

    Raises:
        RouteNotFound: whichever process of several got the request would answer.
        InvalidApiKey, InsufficientScope: this is neither the metrics' key nor an operator's.
        ForeignOrigin, UnknownHost, CameThroughProxy: there are no keys, and this is no program of
            this machine.
    """
    ctx = context_of(request)
    if not knows_metrics_key(request, ctx):
        await check_operator(request, ctx)
    if ctx.shares_port:
        raise RouteNotFound(SHARED)
    return await exposition(request, ctx)


def metrics_app(context: Context) -> Starlette:
    """The same on a port of its own, where who reaches it may read it."""
    app = Starlette(routes=[Route(PATH, get_alone)], exception_handlers={ReelgateError: on_error})
    app.state.context = context
    return app


async def get_alone(request: Request) -> Response:
    """What `get_metrics` answers.

    Raises:
        InvalidApiKey: the metrics have a key, and this is not it.
        ForeignOrigin, UnknownHost, CameThroughProxy: the port is for this machine alone.
    """
    ctx = context_of(request)
    if not knows_metrics_key(request, ctx) and is_loopback(ctx.settings.metrics_host):
        ctx.keyless.check(request.scope)
    return await exposition(request, ctx)


async def exposition(request: Request, ctx: Context) -> Response:
    """Everything, in the format that the scraper asks for."""
    found = await ctx.scrape.exposition(request.headers.get("accept", ""))
    return Response(found.body, headers={"Content-Type": found.content_type})


def knows_metrics_key(request: Request, ctx: Context) -> bool:
    """Whether the metrics have a key of their own, and this request brings it.

    Raises:
        InvalidApiKey: they have one, and it does not.
    """
    key = ctx.settings.metrics_key.get_secret_value()
    if not key:
        return False
    brought = bearer(request.headers.get("authorization"))
    if not hmac.compare_digest(brought.encode(), key.encode()):
        message = "this is not the key that REELGATE_METRICS_KEY sets"
        raise InvalidApiKey(message)
    return True


async def check_operator(request: Request, ctx: Context) -> None:
    """Let in who may see everybody's videos.

    Raises:
        InsufficientScope: this key may not.
        ForeignOrigin: there are no keys, and a page of another origin asks.
    """
    owner = await owner_of(request, ctx)
    if not ctx.gatekeeper.may(owner, Scope.OPERATE):
        raise InsufficientScope(WHO_MAY)
    if owner == NOBODY:
        ctx.keyless.check_listing(request.scope)
