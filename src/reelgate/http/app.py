"""Puts the HTTP API together."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from functools import cache

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from reelgate.errors import ReelgateError
from reelgate.http import (
    ai_sdk,
    characters,
    content,
    edits,
    estimates,
    generations,
    health,
    keys,
    mcp,
    metrics,
    models,
    pushes,
    session,
    share,
    stats,
    usage,
    videos,
    web,
)
from reelgate.http import errors as problems
from reelgate.http import openapi as document
from reelgate.http.auth import Context
from reelgate.http.middleware import DeferredResponses, RequestContext
from reelgate.http.request_shapes import RequestShapes
from reelgate.version import VERSION

EXPOSED = (
    "ETag",
    "Location",
    "openai-poll-after-ms",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Reelgate-Attached",
    "Reelgate-Sandbox",
    "Reelgate-Video-Id",
    "Retry-After",
    "X-Request-Id",
)
"""Headers that a script in a browser may read."""

SECTIONS = ("Blocking", "Videos", "Models", "Statistics", "Keys", "Gateway")
"""Of the documentation, in their order there."""

DESCRIPTION = "One request in, one finished video out: a gateway for slow video generators."


def create_app(context: Context) -> ASGIApp:
    return DeferredResponses(framework(context), context.telemetry, context.proxies)


def framework(context: Context) -> FastAPI:
    """Every route; Swagger UI and its files are served by ourselves at `/docs`."""
    app: FastAPI = FastAPIOffline(
        title="Reelgate",
        description=DESCRIPTION,
        version=VERSION,
        openapi_tags=[{"name": name} for name in SECTIONS],
        routes=routes(context),
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.middleware_stack = middleware(app.router, context)
    app.router.routes.extend(head_twins(app.router.routes))
    app.state.context = context
    shapes = app.state.shapes = RequestShapes.of(context.service.catalog)
    derived = app.openapi
    # FastAPI's own way (https://fastapi.tiangolo.com/how-to/extending-openapi/), built when asked
    # for: a start without it takes half the time.
    app.openapi = cache(lambda: document.completed(derived(), shapes))  # type: ignore[method-assign]
    return app


def routes(context: Context) -> list[BaseRoute]:
    """Every route, in the order in which they are tried: those asked for most come first.

    They stand here by themselves: FastAPI tries those of an included router twice for each request.
    """
    routers = [
        estimates.router,
        videos.router,
        edits.router,
        characters.router,
        generations.router,
        models.router,
        health.router,
        pushes.router,
        mcp.router,
        ai_sdk.router,
        ai_sdk.status_router,
        *([] if context.settings.metrics_port else [metrics.router]),
        *([content.sandbox_router] if context.sandbox else []),
        share.making,
        stats.router,
        usage.router,
        estimates.by_model,
        keys.router,
        session.router,
        share.showing,
        web.router,
    ]
    return [route for router in routers for route in router.routes]


def head_twins(routes: Iterable[object]) -> list[APIRoute]:
    """A route for HEAD beside each for GET that has none: the same answer, without its body.

    The server leaves the body of an answer to HEAD out. They belong behind all other routes, so
    that nobody else's request is compared with them.
    """
    found = [route for route in routes if isinstance(route, APIRoute)]
    taken = {route.path for route in found if "HEAD" in (route.methods or ())}
    return [twin(route) for route in found if route.methods == {"GET"} and route.path not in taken]


def twin(route: APIRoute) -> APIRoute:
    made = copy(route)
    made.methods, made.include_in_schema = {"HEAD"}, False
    return made


def middleware(router: ASGIApp, context: Context) -> ASGIApp:
    """What every request passes through to its route: RequestContext first, routing last.

    FastAPI's own stack has three layers more, each of which a request passes twice. They do what
    `RequestContext` does, and trace and limit what is neither here.
    """
    errors = {
        ReelgateError: problems.on_error,
        RequestValidationError: problems.on_validation_error,
        HTTPException: problems.on_http_exception,
    }
    cors = CORSMiddleware(
        ExceptionMiddleware(AsyncExitStackMiddleware(router), handlers=errors),
        allow_origins=context.settings.origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )
    headers = {"Reelgate-Sandbox": "true"} if context.sandbox else {}
    return RequestContext(cors, headers=headers)
