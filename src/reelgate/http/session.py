"""Signing in from a browser: a cookie that no script can read, made from an API key.

The cookie names the key and is signed with what is kept of the key's secret: every process that
knows the key knows the cookie, and revoking the key ends its sessions. It comes with requests of
our own site only (`SameSite=Strict`), and changes something only for a page of our own origin:
another port of the same host is the same site.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, SecretStr

from reelgate.domain.api_keys import Scope
from reelgate.http.auth import SESSION, Context, context_of
from reelgate.http.parsing import read_json, validated
from reelgate.service.callers import SESSION_S, Session
from reelgate.version import VERSION

router = APIRouter(prefix="/session", include_in_schema=False)

STRANGER = "stranger"
"""Whose bodies those are that come before anybody is known."""


class SignIn(BaseModel):
    """An API key."""

    model_config = ConfigDict(extra="forbid")

    key: SecretStr


class Standing(BaseModel):
    """What the page must know before it asks for anything."""

    keyed: bool
    signed_in: bool
    key: str | None
    name: str | None
    operator: bool
    sandbox: bool
    version: str = VERSION


@router.get("")
async def get_session(request: Request, response: Response) -> Standing:
    """Who this browser is."""
    ctx = context_of(request)
    session = await ctx.gatekeeper.session(request.cookies.get(SESSION))
    response.headers["Cache-Control"] = "no-store"
    return standing(ctx, session)


@router.post("")
async def sign_in(request: Request, response: Response) -> Standing:
    """Keep a key in a cookie.

    Raises:
        InvalidApiKey: nobody knows it.
        ForeignOrigin: a page of another origin would sign its visitor in.
    """
    ctx = context_of(request)
    ctx.keyless.check_own_page(request.scope)
    with ctx.bodies.open(STRANGER) as body:
        receive = await body.checked(request)
        wanted = validated(SignIn, await read_json(Request(request.scope, receive)))
    session = await ctx.gatekeeper.sign_in(wanted.key.get_secret_value())
    if session.cookie:
        response.set_cookie(
            SESSION,
            session.cookie,
            max_age=SESSION_S,
            path="/",
            secure=is_secure(request, ctx),
            httponly=True,
            samesite="strict",
        )
    response.headers["Cache-Control"] = "no-store"
    return standing(ctx, session)


@router.delete("")
async def sign_out(request: Request, response: Response) -> dict[str, bool]:
    """Forget the key in this browser.

    Raises:
        ForeignOrigin: a page of another origin would sign its visitor out.
    """
    context_of(request).keyless.check_own_page(request.scope)
    response.delete_cookie(SESSION, path="/", httponly=True, samesite="strict")
    return {"signed_out": True}


def standing(ctx: Context, session: Session) -> Standing:
    """A session as the page sees it."""
    return Standing(
        keyed=session.keyed,
        signed_in=session.owner is not None,
        key=session.owner or None,
        name=session.name,
        operator=session.owner is not None and ctx.gatekeeper.may(session.owner, Scope.OPERATE),
        sandbox=ctx.sandbox,
    )


def is_secure(request: Request, ctx: Context) -> bool:
    """Whether the browser reaches us over TLS, so that the cookie may ask for it."""
    return request.scope["scheme"] == "https" or ctx.settings.public_url.startswith("https:")
