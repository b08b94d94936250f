"""Who we are at imagine.art: a bearer token and the account it belongs to."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from reelgate.clock import Clock
from reelgate.errors import UpstreamError, UpstreamUnauthorized
from reelgate.net.client import HttpResponse
from reelgate.net.redact import MASK
from reelgate.providers.expiry import CredentialEnd, Expiry, moment

ACCOUNT = "imagine.art"
RENEW = "Run `reelgate login imagine`, or put a new one in IMAGINE_TOKEN."
NO_FOLDER = (
    "With a web token imagine.art charges for a video that has no folder, and never makes it:"
    " choose a folder with `reelgate login imagine --choose-folder`, or set IMAGINE_PARENT_ID."
)
PARTS = 3
"""Of a JWT (RFC 7519)."""
_PREFIX = re.compile(r"^(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)
_SENDABLE = re.compile(r"[\x21-\x7e]+")


class Credentials(Protocol):
    """Something that knows the bearer token to send now."""

    @property
    def user_id(self) -> str:
        """The account's own id, empty when it is not known."""
        ...

    @property
    def org_id(self) -> str:
        """The organisation that was chosen for it; empty: none."""
        ...

    @property
    def parent_id(self) -> str:
        """The folder that was chosen for it; empty: none."""
        ...

    @property
    def needs_parent(self) -> bool:
        """Whether a submit without a folder would be charged and never produced."""
        ...

    @property
    def expiry(self) -> CredentialEnd | None:
        """When it ends; None where that is not known."""
        ...

    async def bearer(self) -> str:
        """The token to send.

        Raises:
            UpstreamUnauthorized: there is none that can still be accepted.
            UpstreamUnavailable: it could not be renewed for now.
        """
        ...

    async def renew(self, refused: str) -> bool:
        """Get another token because this one was refused; whether there is another now."""
        ...

    def accepted(self, bearer: str) -> None:
        """The upstream took this token."""
        ...

    def hide(self, text: str) -> str:
        """The text without any secret of ours."""
        ...


REFUSED = frozenset({401, 406})
"""What a token that has ended is answered: 401, or 406 by the key-based API's table [official]."""


async def authorized(
    credentials: Credentials,
    send: Callable[[dict[str, str]], Awaitable[HttpResponse]],
    is_refusal: Callable[[HttpResponse], bool] = lambda _answer: True,
) -> HttpResponse:
    """Send with the bearer; once more with a new one where the first has ended.

    `is_refusal` tells whether an answer of that status is surely one to a request that was not
    carried out, where sending it again would cost something.

    Raises:
        UpstreamError: there is no bearer, or no answer came.
    """
    bearer = await credentials.bearer()
    response = await send({"Authorization": f"Bearer {bearer}"})
    if response.status not in REFUSED:
        credentials.accepted(bearer)
        return response
    is_refused = is_refusal(response)
    try:
        is_renewed = await credentials.renew(bearer)
    except UpstreamError:
        if not is_refused:
            return response
        raise
    if not is_renewed or not is_refused:
        return response
    bearer = await credentials.bearer()
    response = await send({"Authorization": f"Bearer {bearer}"})
    if response.status not in REFUSED:
        credentials.accepted(bearer)
    return response


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says of itself: when it dies and began (Unix seconds), and whose it is."""

    expires_at_s: float | None = None
    user_id: str = ""
    issued_at_s: float | None = None


class TokenCredentials:
    """A token that the user pasted. It cannot be renewed by us, only read."""

    def __init__(
        self,
        token: str,
        clock: Clock,
        *,
        needs_parent: bool = False,
        org_id: str = "",
        parent_id: str = "",
    ) -> None:
        self.needs_parent = needs_parent
        self.org_id = org_id
        self.parent_id = parent_id
        self._token = clean_token(token)
        self._claims = read_claims(self._token)
        self._clock = clock
        ends_at_s = self._claims.expires_at_s
        self.expiry = None if ends_at_s is None else Expiry(ACCOUNT, ends_at_s, RENEW, clock)

    def __repr__(self) -> str:
        return f"TokenCredentials({self._claims!r})"

    @property
    def user_id(self) -> str:
        """The token's own `userId`, else its `sub`, else empty."""
        return self._claims.user_id

    @property
    def expires_at_s(self) -> float | None:
        """When the token dies, Unix time; None when it does not say."""
        return self._claims.expires_at_s

    def expires_in_s(self) -> float | None:
        """How long the token lives still, negative when it is dead; None when it does not say."""
        if self._claims.expires_at_s is None:
            return None
        return self._claims.expires_at_s - self._clock.now()

    async def bearer(self) -> str:
        """The token to send.

        Raises:
            UpstreamUnauthorized: it is missing, mangled or known to be dead; nothing is sent.
        """
        if problem := problem_of(self._token):
            raise UpstreamUnauthorized(problem)
        left_s = self.expires_in_s()
        if left_s is not None and left_s <= 0:
            died_at = moment(self._clock.now() + left_s)
            raise UpstreamUnauthorized(f"The imagine.art token expired at {died_at}. {RENEW}")
        return self._token

    async def renew(self, _refused: str) -> bool:
        """Never: nobody but its user can get another one."""
        return False

    def accepted(self, _bearer: str) -> None:
        """Nothing depends on that."""

    def hide(self, text: str) -> str:
        """The text without the token."""
        return text.replace(self._token, MASK) if self._token else text


@dataclass(frozen=True, slots=True)
class ImagineAccount:
    """The account that pays; without a `parent_id` videos land in the workspace's root."""

    credentials: Credentials
    org_id: str = ""
    parent_id: str = ""

    def organisation(self) -> str:
        """The organisation to book on: for a personal account that is the token's own user.

        Raises:
            UpstreamError: nobody told; nothing is sent.
        """
        org_id = self.org_id.strip() or self.credentials.org_id or self.credentials.user_id
        if not org_id:
            message = "The imagine.art token does not tell its organisation: set IMAGINE_ORG_ID."
            raise UpstreamError(message)
        return org_id

    @property
    def lacks_parent(self) -> bool:
        """Whether nothing can be submitted before a folder is chosen."""
        return self.credentials.needs_parent and not self._parent

    def parent(self) -> str:
        """The folder to put videos in; empty for the workspace's root.

        Raises:
            UpstreamError: a submit without one would be charged for nothing; nothing is sent.
        """
        if self.lacks_parent:
            raise UpstreamError(f"Nothing was sent to imagine.art. {NO_FOLDER}")
        return self._parent

    @property
    def _parent(self) -> str:
        return self.parent_id.strip() or self.credentials.parent_id


class AccountEnd:
    """What is to be known of an account that has no folder: nothing can be made with it."""

    is_over = True
    is_near = False

    def __init__(self, account: ImagineAccount, ends: CredentialEnd | None) -> None:
        self._account = account
        self._ends = ends

    @property
    def left_s(self) -> float:
        """How long the credential is good for."""
        return math.inf if self._ends is None else self._ends.left_s

    @property
    def next_s(self) -> float:
        """When something else is to be told."""
        return math.inf if self._ends is None else self._ends.next_s

    def told(self) -> str:
        """What to do: about the credential first, because a folder is found with it."""
        if self._ends is not None and self._ends.is_over:
            return self._ends.told()
        return NO_FOLDER

    def tell_log(self) -> None:
        """What the credential has to tell; the missing folder is told at the start."""
        if self._ends is not None:
            self._ends.tell_log()


def clean_token(pasted: str) -> str:
    """The token in what somebody pasted: no header name, quotes, blanks or line breaks."""
    unquoted = pasted.strip().strip("\"'").strip()
    return "".join(_PREFIX.sub("", f"{unquoted} ").split())


def problem_of(token: str) -> str:
    """What is wrong with a token as it stands, and what to do; empty where nothing can be seen.

    A token that begins as a JWT does (`{"` in base64) must be one.
    """
    if not token:
        return "There is no imagine.art token. Run `reelgate login imagine`, or set IMAGINE_TOKEN."
    if not _SENDABLE.fullmatch(token):
        return f"The imagine.art token holds characters that no token has. {RENEW}"
    parts = token.split(".")
    if token.startswith("eyJ") and (len(parts) != PARTS or not all(parts)):
        found = sum(1 for part in parts if part)
        return (
            f"The imagine.art token is only a piece of one: a JWT has {PARTS} parts with dots"
            f" between, and this has {found}. Copy all of it. {RENEW}"
        )
    return ""


def read_claims(token: str) -> Claims:
    """What a JWT's payload says (RFC 7519), unverified; nothing when it is not a JWT."""
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return Claims()
    if not isinstance(claims, dict):
        return Claims()
    owner = next((o for o in (claims.get("userId"), claims.get("sub")) if o), "")
    return Claims(
        _finite(claims.get("exp")),
        owner if isinstance(owner, str) else "",
        _finite(claims.get("iat")),
    )


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
