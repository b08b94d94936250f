"""Tokens that the stand-in gave out: families of them, each of which ends as one."""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

ORG_ID = str(uuid5(NAMESPACE_URL, "reelgate-sandbox/org"))
SESSION_LIFETIME_S = 6 * 3600.0


@dataclass(slots=True)
class Family:
    """All tokens that come from one sign-in.

    Attributes:
        is_alive: A refresh token that is used twice ends the family [official: they rotate].
        team: Whether the team API takes its tokens: one of the contract's "two doors" may not.
    """

    is_alive: bool = True
    team: bool = True


@dataclass(frozen=True, slots=True)
class Pair:
    """A session (access) token, the refresh token that goes with it, and how long it lives."""

    session: str = field(repr=False)
    refresh: str = field(repr=False)
    lifetime_s: float


class Grants:
    """Gives out tokens, trades refresh tokens, and knows which are alive.

    Attributes:
        lifetime_s: How long the next session tokens live.
        rotations: How many refresh tokens were traded.
        reuses: How often a refresh token came a second time.
    """

    def __init__(self) -> None:
        self.lifetime_s = SESSION_LIFETIME_S
        self.rotations = 0
        self.reuses = 0
        self._sessions: dict[str, tuple[Family, float]] = {}
        self._refreshes: dict[str, Family] = {}
        self._spent: dict[str, Family] = {}

    def issue(self, family: Family | None = None) -> Pair:
        """Give out a pair, of a new family unless one is named."""
        family = family or Family()
        pair = Pair(session_token(self.lifetime_s), secrets.token_urlsafe(24), self.lifetime_s)
        self._sessions[pair.session] = (family, time.time() + pair.lifetime_s)
        self._refreshes[pair.refresh] = family
        return pair

    def trade(self, refresh: str, *, known_only: bool = True) -> Pair | None:
        """Trade a refresh token for a new pair; None where it is dead.

        A token that was never given out begins a family where `known_only` is False.
        """
        if refresh in self._spent:
            self.reuses += 1
            self._spent[refresh].is_alive = False
            return None
        family = self._refreshes.pop(refresh, None)
        if family is None and not known_only:
            family = Family()
        if family is None or not family.is_alive:
            return None
        self._spent[refresh] = family
        self.rotations += 1
        return self.issue(family)

    def family_of(self, session: str) -> Family | None:
        """The family of a session token that this gave out."""
        found = self._sessions.get(session)
        return found[0] if found else None

    def is_alive(self, session: str) -> bool:
        """Whether a session token of ours would be taken now."""
        family, ends_at = self._sessions.get(session, (Family(is_alive=False), 0.0))
        return family.is_alive and time.time() < ends_at

    def expire(self) -> None:
        """Let every session token end now; refresh tokens stay good."""
        self._sessions = {token: (family, 0.0) for token, (family, _) in self._sessions.items()}

    def revoke(self) -> None:
        """End every family."""
        for family, _ in self._sessions.values():
            family.is_alive = False
        for family in self._refreshes.values():
            family.is_alive = False


def session_token(lifetime_s: float) -> str:
    """A token shaped like the provider's JWT; nobody checks its signature."""
    now = time.time()
    claims = {
        "userId": ORG_ID,
        "iat": int(now),
        "exp": now + lifetime_s,
        "jti": secrets.token_hex(8),
    }
    return ".".join([_segment({"alg": "none", "typ": "JWT"}), _segment(claims), "sandbox"])


def _segment(claims: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
