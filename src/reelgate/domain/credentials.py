"""The credential of an upstream account that is kept here and renewed by us."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class CredentialKind(StrEnum):
    """How a credential was got, which decides how it is renewed."""

    OAUTH = "oauth"  # `reelgate login`
    WEB = "web"  # a web session's token and refresh token, out of the settings
    PLACE = "place"  # none: only the organisation and folder that were chosen


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is secret of a credential, and where it is renewed.

    Attributes:
        access: the bearer to send; empty where only a refresh token is known.
        refresh: what a new pair is got for; empty where there is none.
        client_id: the OAuth client it was given to.
        token_url: the token endpoint that gave it.
        resource: what it is for (RFC 8707).
    """

    access: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)
    client_id: str = field(default="", repr=False)
    token_url: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Credential:
    """One account's credential, as it is kept.

    Attributes:
        account: whose it is: a provider's name.
        kind: how it was got.
        tokens: the secrets.
        version: grows with each change of the tokens; a change names the one it is made from.
        obtained_at_s: when these tokens were got, Unix time; 0 where nobody knows.
        expires_at_s: when the access token ends, Unix time; None where it does not say.
        org_id: the organisation that was chosen; empty: none.
        parent_id: the folder that was chosen; empty: none.
        origin: a digest of the settings it was made from; empty after a sign-in.
        dead: why it cannot be renewed any more, a sentence; empty while it can.
        in_doubt: a renewal was begun and nobody knows how it ended, so that its refresh token
            may be spent.
    """

    account: str
    kind: CredentialKind
    tokens: Tokens = Tokens()
    version: int = 0
    obtained_at_s: float = 0.0
    expires_at_s: float | None = None
    org_id: str = ""
    parent_id: str = ""
    origin: str = ""
    dead: str = ""
    in_doubt: bool = False
