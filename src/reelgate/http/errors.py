"""Errors as responses: one body for RFC 9457, for OpenAI's SDKs and for readers of `detail`."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelgate.errors import (
    MAX_SHOWN_CHARS,
    InternalError,
    InvalidApiKey,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    Overloaded,
    Problem,
    ReelgateError,
    RouteNotFound,
    brief,
)
from reelgate.net.open_files import ran_out

MEDIA_TYPE = "application/problem+json"
MAX_SHOWN = 20
"""How many of a request's problems a response lists."""
CHALLENGE = 'Bearer realm="reelgate"'
"""How to authenticate: every 401 must say so (RFC 9110, section 15.5.2; RFC 6750, section 3)."""


def body_of(error: ReelgateError) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.message,
        "error": {
            "message": error.message,
            "type": error.kind,
            "code": error.code,
            "param": error.param,
        },
    }
    if isinstance(error, InvalidRequest) and error.problems:
        body["errors"] = [shown(problem) for problem in error.problems]
    return body


def shown(problem: Problem) -> dict[str, Any]:
    """One entry of the response's `errors`."""
    entry: dict[str, Any] = {"param": problem.param, "message": problem.message}
    if problem.value is not None:
        entry["value"] = repeated(problem.value)
    if problem.allowed is not None:
        entry["allowed"] = list(problem.allowed)
    return entry


def repeated(value: object) -> object:
    """A value that is safe to repeat: small, and something JSON can hold."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return shortened(value) if isinstance(value, str) else brief(value)


def shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."


class ProblemResponse(JSONResponse):
    """JSON that may repeat what a caller sent: half a surrogate pair, which UTF-8 cannot hold."""

    media_type = MEDIA_TYPE

    def render(self, content: dict[str, Any]) -> bytes:
        """The body; what cannot be written becomes a question mark."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def error_response(error: ReelgateError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as a response."""
    all_headers = dict(headers or {}) | headers_of(error)
    return ProblemResponse(body_of(error), status_code=error.status, headers=all_headers)


def headers_of(error: ReelgateError) -> dict[str, str]:
    """What an error says in headers: `Retry-After` (whole seconds) where waiting helps."""
    headers = {}
    if isinstance(error, InvalidApiKey):
        headers["WWW-Authenticate"] = CHALLENGE
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return headers


async def on_error(_request: Request, error: Exception) -> JSONResponse:
    return error_response(error if isinstance(error, ReelgateError) else InternalError())


async def on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer FastAPI's validation error."""
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    return error_response(invalid(errors))


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Answer the framework's own 404 and 405."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == HTTPStatus.NOT_FOUND:
        return error_response(RouteNotFound(hint(request)))
    if status == HTTPStatus.METHOD_NOT_ALLOWED and isinstance(error, HTTPException):
        return error_response(MethodNotAllowed(), {"Allow": ", ".join(sorted(allowed(request)))})
    if status == HTTPStatus.BAD_REQUEST and isinstance(error, HTTPException):
        return error_response(MalformedRequest(f"the request cannot be read: {error.detail}"))
    return error_response(InternalError())


ROOT = "/v1"
NEAR = 0.75
"""How alike two paths must be for one to be a misspelling of the other, 0 to 1."""


def allowed(request: Request) -> set[str]:
    """The methods that an address takes; each has a route of its own, which knows no other."""
    path = request.scope["path"]
    found = list(matching(request, path))
    # `/v1/videos/sync` is not the video `sync`.
    own = [route for route in found if route.path == path]
    return {method for route in own or found for method in route.methods or ()}


def hint(request: Request) -> str:
    """What to tell somebody who asked for an address that does not exist."""
    path = request.scope["path"]
    shown = path if len(path) <= MAX_SHOWN_CHARS else f"{path[:MAX_SHOWN_CHARS]}..."
    meant = next((one for one in spelled(path) if any(matching(request, one))), None)
    if meant is None:
        near = difflib.get_close_matches(path, [route.path for route in public(request)], 1, NEAR)
        meant = near[0] if near else None
    if meant is None:
        return (
            f"there is nothing at {shown}: this API's addresses begin with {ROOT}/, "
            f"as {ROOT}/videos; /docs lists them"
        )
    return f"there is nothing at {shown}: did you mean {meant}? /docs lists all addresses"


def spelled(path: str) -> Iterator[str]:
    """The path with `/v1` put in, doubled ones and other people's prefixes left out."""
    if len(path) > MAX_SHOWN_CHARS:
        return
    parts = [part for part in path.split("/") if part]
    for start, part in enumerate(parts):
        if part.lower() not in {"v1", "api"}:
            rest = "/".join(parts[start:])
            yield f"{ROOT}/{rest}"
            yield f"/{rest}"


def matching(request: Request, path: str) -> Iterator[APIRoute]:
    """The documented routes of a path, whatever their method."""
    return (route for route in public(request) if route.path_regex.match(path))


def public(request: Request) -> Iterable[APIRoute]:
    """The documented routes, and their twins for HEAD."""
    return (
        route
        for route in request.app.routes
        if isinstance(route, APIRoute) and (route.include_in_schema or route.methods == {"HEAD"})
    )


def invalid(errors: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """Pydantic's errors as one of ours."""
    # A union reports an error for each of its members: the first of a field is enough.
    problems: dict[str, Problem] = {}
    for error in errors:
        problem = problem_of(error)
        problems.setdefault(problem.param, problem)
        if len(problems) == MAX_SHOWN:
            break
    return InvalidRequest(problems=tuple(problems.values()))


def problem_of(error: Mapping[str, Any]) -> Problem:
    """One of Pydantic's errors, by the name of its field."""
    path = [str(part) for part in error["loc"] if part not in {"body", "query", "path", "header"}]
    param = shortened(path[0]) if path else "body"
    value = error.get("input")
    if error["type"] == "missing":
        return Problem(param, f"{param} is missing")
    if error["type"] == "extra_forbidden":
        return Problem(param, f"{param} is not a field of this request", value)
    if not path:
        return Problem(param, "the body is not a JSON object", value)
    if error["type"] == "value_error":
        return Problem(param, f"{param} {error['ctx']['error']}", value)
    said = str(error["msg"])
    return Problem(param, f"{param}: {said[:1].lower()}{said[1:]}", value)


log = structlog.get_logger()

REQUEST_ID = "reelgate.request_id"
"""Where a request's scope holds its id."""
COME_BACK_S = 5.0


async def error_boundary(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an application; an unhandled exception is logged and becomes a 500 response.

    Raises:
        Exception: what was raised after the response had begun, so that the connection is closed.
    """
    started = False

    async def noted(message: Message) -> None:
        nonlocal started
        started = True
        await send(message)

    try:
        await app(scope, receive, noted)
    except ClientDisconnect:
        # While its body was read: there is nobody to answer, and no fault of ours.
        log.info("caller_left", path=scope["path"])
    except Exception as error:
        log.exception("request_failed", path=scope["path"])
        if started:
            raise
        await error_response(meaning_of(error))(scope, receive, send)


def meaning_of(error: Exception) -> ReelgateError:
    """The error that an unexpected exception becomes."""
    if ran_out(error):
        message = "the gateway has as many files open as it may"
        return Overloaded(message, retry_after_s=COME_BACK_S)
    return InternalError()
