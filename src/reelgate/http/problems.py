"""Errors as answers: one body for RFC 9457, for OpenAI's SDKs and for readers of `detail`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import compile_path

from reelgate.errors import (
    InternalError,
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    Problem,
    ReelgateError,
    RouteNotFound,
)

MEDIA_TYPE = "application/problem+json"
MAX_SHOWN_CHARS = 80
"""How much of a refused value an error repeats."""


def body_of(error: ReelgateError) -> dict[str, Any]:
    """The body of an error's answer."""
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
    """One field's problem, as the answer lists it."""
    entry: dict[str, Any] = {"param": problem.param, "message": problem.message}
    if problem.value is not None:
        entry["value"] = shortened(problem.value)
    if problem.allowed is not None:
        entry["allowed"] = list(problem.allowed)
    return entry


def shortened(value: object) -> object:
    """A value that is safe to repeat: small, and something JSON can hold."""
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}..."


class ProblemResponse(JSONResponse):
    """JSON that may repeat what a caller sent: half a surrogate pair, which UTF-8 cannot hold."""

    media_type = MEDIA_TYPE

    def render(self, content: dict[str, Any]) -> bytes:
        """The body; what cannot be written becomes a question mark."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def answer(error: ReelgateError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as an HTTP answer, with `Retry-After` (whole seconds) where waiting helps."""
    all_headers = dict(headers or {})
    if error.retry_after_s is not None:
        all_headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return ProblemResponse(body_of(error), status_code=error.status, headers=all_headers)


async def on_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer one of our own errors."""
    return answer(error if isinstance(error, ReelgateError) else InternalError())


async def on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    """Answer FastAPI's complaint about a request."""
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    return answer(invalid(errors))


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Answer the framework's own 404 and 405."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == HTTPStatus.NOT_FOUND:
        return answer(RouteNotFound())
    if status == HTTPStatus.METHOD_NOT_ALLOWED and isinstance(error, HTTPException):
        return answer(MethodNotAllowed(), {"Allow": ", ".join(sorted(allowed(request)))})
    if status == HTTPStatus.BAD_REQUEST:
        return answer(MalformedRequest())
    return answer(InternalError())


def allowed(request: Request) -> set[str]:
    """The methods that an address takes; each has a route of its own, which knows no other."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    path = request.scope["path"]
    own = [path] if path in paths else [each for each in paths if compile_path(each)[0].match(path)]
    return {method.upper() for template in own for method in paths[template]}


def invalid(errors: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """Pydantic's list of errors as one of ours."""
    for error in errors:
        if error["type"] == "json_invalid":
            reason = error.get("ctx", {}).get("error", "it breaks off")
            message = f"the body is not valid JSON: {reason}"
            return MalformedRequest(message)
    # A union complains once for each of its members: the first complaint about a field is enough.
    problems: dict[str, Problem] = {}
    for error in errors:
        problem = problem_of(error)
        problems.setdefault(problem.param, problem)
    return InvalidRequest(problems=tuple(problems.values()))


def problem_of(error: Mapping[str, Any]) -> Problem:
    """One of Pydantic's errors, told by the name of the field."""
    path = [str(part) for part in error["loc"] if part not in {"body", "query", "path", "header"}]
    param = path[0] if path else "body"
    value = error.get("input")
    if error["type"] == "missing":
        return Problem(param, f"{param} is missing")
    if error["type"] == "extra_forbidden":
        return Problem(param, f"{param} is not a field of this request", value)
    said = str(error["msg"])
    return Problem(param, f"{param}: {said[:1].lower()}{said[1:]}", value)
