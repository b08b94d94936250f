"""Authentication, and the context that every route works with."""

import inspect
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ASGIScope

from reelgate.db.database import Database
from reelgate.domain.api_keys import Scope
from reelgate.domain.video import Video
from reelgate.errors import InvalidRequest, Problem, brief
from reelgate.http.bodies import METHODS, Bodies
from reelgate.http.connections import authenticated
from reelgate.http.keyless import READING, KeylessRules
from reelgate.http.proxies import TrustedProxies
from reelgate.http.request_log import record_of
from reelgate.images.references import References
from reelgate.limits.rate import RequestRate
from reelgate.mcp.endpoint import McpEndpoint
from reelgate.media.storage import Storage
from reelgate.providers.base import Provider
from reelgate.service.callers import NOBODY, Gatekeeper, check_rate
from reelgate.service.readiness import Readiness
from reelgate.service.scrape import Scrape
from reelgate.service.videos import Service
from reelgate.settings import Settings
from reelgate.telemetry.telemetry import Telemetry

SESSION = "reelgate_session"
"""The cookie that says who a browser is."""
COOKIES = "cookie"
RESPONSE_HEADERS = "reelgate.response_headers"
"""Where a request's scope holds the list of headers that every response to it gets."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
"""Answers a request."""


@dataclass(frozen=True, slots=True)
class Context:
    """The objects behind the routes, built once for all requests."""

    service: Service
    settings: Settings
    providers: Mapping[str, Provider]
    stand_ins: frozenset[str]
    """The names of those among the providers that are none, but stand-ins."""
    storage: Storage
    gatekeeper: Gatekeeper
    keyless: KeylessRules
    proxies: TrustedProxies
    references: References
    bodies: Bodies
    transfer: Callable[[], Awaitable[None]]
    """Transfers the jobs to other processes, where there are others."""
    submitting: Callable[[], int]
    """How many submits wait for the upstream's answer."""
    readiness: Readiness
    database: Database
    secrets_of: Callable[[str], tuple[bytes, ...]]
    """What signs for an owner's links, and what did before; empty for one without a key."""
    telemetry: Telemetry
    scrape: Scrape
    mcp: McpEndpoint
    shares_port: bool = False
    """Whether other processes serve on the same port."""

    @property
    def sandbox(self) -> bool:
        """Whether videos are made by the sandbox, not for real."""
        return bool(self.stand_ins)

    def provider_of(self, video: Video) -> Provider:
        """The provider that made a video.

        Raises:
            VideoExpired: this gateway no longer knows that provider.
        """
        return self.service.provider_of(video)

    def video_url(self, request: Request, video: Video) -> str:
        """Where the video plays: at the provider, or at the gateway until that is known."""
        url = self.service.video_url(video) or f"/v1/videos/{video.id}/content"
        return self.own_url(request, url) if url.startswith("/") else url

    def own_url(self, request: Request, path: str) -> str:
        """A path of this gateway: at its public address, or at the host that the caller used."""
        if self.settings.public_url:
            return urljoin(self.settings.public_url, path)
        return absolute_url(request, path)


def absolute_url(request: Request, path: str) -> str:
    """A path of this gateway, at the host that the caller used."""
    host = request.headers.get("host") or request.base_url.netloc
    return f"{request.scope['scheme']}://{host}{path}"


def context_of(request: Request) -> Context:
    """The context that the app factory left for the routes."""
    context: Context = request.app.state.context
    return context


class AuthenticatedRequest(Request):
    """A request of an authenticated caller; `owner` tells whose videos it makes."""

    def __init__(
        self,
        request: Request,
        receive: Receive,
        ctx: Context,
        owner: str,
        body: bytes | None = None,
    ) -> None:
        """`body`: all of it, where it has been read already."""
        super().__init__(request.scope, receive)
        self.ctx = ctx
        self.owner = owner
        self._whole = body

    async def body(self) -> bytes:
        return await super().body() if self._whole is None else self._whole

    @property
    def service(self) -> Service:
        return self.ctx.service

    @property
    def is_operator(self) -> bool:
        """Whether the caller runs the gateway: where there are no keys, everybody who may call."""
        return self.ctx.gatekeeper.may(self.owner, Scope.OPERATE)

    @property
    def sees(self) -> str | None:
        """Whose videos the caller may see; None: everybody's."""
        return None if self.is_operator else self.owner

    def check_key(self, key: str | None) -> None:
        """Refuse to tell of another key's videos; `key` is how a query names one.

        Raises:
            InvalidRequest: naming `key`.
        """
        if not self.is_operator and key not in {None, self.owner}:
            message = f"key {brief(key)} is not yours: leave it out, or use a key that may operate"
            raise InvalidRequest(problems=(Problem("key", message, key),))

    def check_may_list(self) -> None:
        """Refuse to list videos for a page of another origin where there are no API keys.

        Raises:
            ForeignOrigin: such a page asks.
        """
        if self.owner == NOBODY:
            self.ctx.keyless.check_listing(self.scope)


class AuthenticatedRoute(APIRoute):
    """A route that authenticates the caller before anything else of the request is read.

    FastAPI's own way to give routes another kind of request
    (https://fastapi.tiangolo.com/how-to/custom-request-and-route/); a dependency would cost more,
    and would come after the body.
    """

    scope: Scope | None = None
    """What the caller's key must be for; None: to read where the methods only do that, else to
    make."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - whatever FastAPI's takes
        super().__init__(*args, **options)
        if not self.is_validated:
            self.app = app_of(self.get_route_handler())

    @property
    def is_validated(self) -> bool:
        """Whether FastAPI has something to do: read and check arguments, or write the response.

        For an endpoint that takes the request and texts of the path, and gives a response, it has
        not, and costs as much as the rest of a small request.
        """
        taken = self.dependant.path_params
        is_text = all(one.field_info.annotation is str for one in taken)
        declared = inspect.signature(self.endpoint, eval_str=True)
        told = declared.return_annotation
        answers = isinstance(told, type) and issubclass(told, Response)
        is_all = set(declared.parameters) == {"request", *(one.name for one in taken)}
        return not (is_text and answers and is_all)

    def get_route_handler(self) -> Handler:
        """The handler of a request.

        Raises:
            InvalidApiKey: nobody knows the key.
            InsufficientScope: the key is not for this.
            ForeignOrigin, UnknownHost, CameThroughProxy: there are no keys, and this is not a
                program of this machine.
            RateLimited: too many requests by this key.
            RequestTooLarge, UnsupportedMedia, RequestTimeout, Overloaded: the body is refused.
        """
        handle = super().get_route_handler() if self.is_validated else self._call
        scope = self.scope or (Scope.READ if READING.issuperset(self.methods or ()) else Scope.MAKE)

        async def authenticate(request: Request) -> Response:
            ctx = context_of(request)
            owner = await owner_of(request, ctx)
            record_of(request.scope).key = owner
            ctx.gatekeeper.require(owner, scope)
            authenticated(request.scope)
            if request.method not in METHODS:
                return await handle(AuthenticatedRequest(request, request.receive, ctx, owner))
            with ctx.bodies.open(owner) as body:
                receive = await body.checked(request)
                told = AuthenticatedRequest(request, receive, ctx, owner, body.whole)
                return await handle(told)

        return authenticate

    async def _call(self, request: Request) -> Response:
        response: Response = await self.endpoint(request=request, **request.path_params)
        return response


def app_of(handle: Handler) -> ASGIApp:
    """An ASGI application of a handler."""

    async def app(scope: ASGIScope, receive: Receive, send: Send) -> None:
        response = await handle(Request(scope, receive))
        await response(scope, receive, send)

    return app


async def owner_of(request: Request, ctx: Context) -> str:
    """Who calls, by the request's headers; `NOBODY` where the gateway needs no key.

    Raises:
        InvalidApiKey: nobody knows the key.
        ForeignOrigin, UnknownHost, CameThroughProxy: there are no keys, and this is not a program
            of this machine; ForeignOrigin also for a session that another page would use.
        RateLimited: too many requests by this key.
    """
    authorization = request.headers.get("authorization")
    # Reading the cookies costs more than everything else here, and programs send none.
    cookie = None if authorization or COOKIES not in request.headers else session_of(request)
    owner = await ctx.gatekeeper.identify(authorization, cookie)
    if owner == NOBODY:
        ctx.keyless.check(request.scope)
    elif cookie and request.method not in READING:
        ctx.keyless.check_own_page(request.scope)
    rate = await ctx.gatekeeper.count(owner)
    if rate is not None:
        request.scope[RESPONSE_HEADERS].extend(rate_headers(rate))
        check_rate(rate)
    return owner


def rate_headers(rate: RequestRate) -> Iterator[tuple[bytes, bytes]]:
    """What is left of a key's requests a minute (draft-ietf-httpapi-ratelimit-headers-11).

    `t` is when there is one more than `r`: the bucket fills evenly.
    """
    yield b"ratelimit-policy", b'"requests";q=%d;w=60' % rate.limit.most
    yield b"ratelimit", b'"requests";r=%d;t=%d' % (rate.left, math.ceil(rate.more_in_s))


class ReadingRoute(AuthenticatedRoute):
    """A route that only tells something, whatever its method."""

    scope = Scope.READ


class OperatorRoute(AuthenticatedRoute):
    """A route for those who run the gateway."""

    scope = Scope.OPERATE


def session_of(request: Request) -> str | None:
    """The cookie of a browser that has signed in."""
    return request.cookies.get(SESSION)
