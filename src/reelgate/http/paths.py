"""What to answer where no route matches: the allowed methods, the path that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from copy import copy

from fastapi.routing import APIRoute
from starlette.requests import Request

from reelgate.errors import MAX_SHOWN_CHARS

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
