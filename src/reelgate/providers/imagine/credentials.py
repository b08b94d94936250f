"""Who we are at imagine.art: a bearer token and the account it belongs to."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from typing import Protocol

from reelgate.clock import Clock
from reelgate.errors import UpstreamError, UpstreamUnauthorized
from reelgate.net.redact import MASK
from reelgate.providers.expiry import Expiry, moment

ACCOUNT = "imagine.art"
RENEW = "Put a new one in IMAGINE_TOKEN."
_PREFIX = re.compile(r"^(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)
_SENDABLE = re.compile(r"[\x21-\x7e]+")


class Credentials(Protocol):
    """Something that knows the bearer token to send now."""

    @property
    def user_id(self) -> str:
        """The account's own id, empty when it is not known."""
        ...

    @property
    def expiry(self) -> Expiry | None:
        """When the token ends; None where that is not known."""
        ...

    def bearer(self) -> str:
        """The token to send.

        Raises:
            UpstreamUnauthorized: there is none that can still be accepted.
        """
        ...

    def hide(self, text: str) -> str:
        """The text without any secret of ours."""
        ...


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says of itself: when it dies (Unix seconds) and whose it is."""

    expires_at_s: float | None = None
    user_id: str = ""


class TokenCredentials:
    """A token that the user pasted. It cannot be renewed by us, only read."""

    def __init__(self, token: str, clock: Clock) -> None:
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

    def bearer(self) -> str:
        """The token to send.

        Raises:
            UpstreamUnauthorized: it is missing, mangled or known to be dead; nothing is sent.
        """
        if not self._token:
            raise UpstreamUnauthorized("There is no imagine.art token. Put one in IMAGINE_TOKEN.")
        if not _SENDABLE.fullmatch(self._token):
            message = "The imagine.art token holds characters that no token has"
            raise UpstreamUnauthorized(f"{message}. {RENEW}")
        left_s = self.expires_in_s()
        if left_s is not None and left_s <= 0:
            died_at = moment(self._clock.now() + left_s)
            raise UpstreamUnauthorized(f"The imagine.art token expired at {died_at}. {RENEW}")
        return self._token

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
        org_id = self.org_id.strip() or self.credentials.user_id
        if not org_id:
            message = "The imagine.art token does not tell its organisation: set IMAGINE_ORG_ID."
            raise UpstreamError(message)
        return org_id


def clean_token(pasted: str) -> str:
    """The token in what somebody pasted: no header name, quotes, blanks or line breaks."""
    unquoted = pasted.strip().strip("\"'").strip()
    return "".join(_PREFIX.sub("", f"{unquoted} ").split())


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
    return Claims(_finite(claims.get("exp")), owner if isinstance(owner, str) else "")


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
