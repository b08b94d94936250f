"""The sandbox's one account: its tokens and its credits."""

from __future__ import annotations

import base64
import json
import secrets
import time
from uuid import NAMESPACE_URL, uuid5

ORG_ID = str(uuid5(NAMESPACE_URL, "reelgate-sandbox/org"))
FOLDER_ID = str(uuid5(NAMESPACE_URL, "reelgate-sandbox/folder"))
CANVAS_ID = str(uuid5(NAMESPACE_URL, "reelgate-sandbox/canvas"))
SESSION_LIFETIME_S = 6 * 3600
BEARER = "bearer "


class Account:
    """Checks bearers, rotates tokens, counts credits."""

    def __init__(self, *, token: str | None, refresh_token: str | None, balance: int) -> None:
        self._sessions: set[str] | None = None if token is None else {token}
        self._refreshes: set[str] | None = None if refresh_token is None else {refresh_token}
        self._spent: set[str] = set()
        self.credits = balance

    def accepts(self, authorization: str | None) -> bool:
        """Whether an `Authorization` header carries a living session token."""
        token = _bearer(authorization)
        return bool(token) and (self._sessions is None or token in self._sessions)

    def set_token(self, token: str | None) -> None:
        """Let this token alone be accepted from now on; None accepts any."""
        self._sessions = None if token is None else {token}

    def rotate(self, authorization: str | None) -> tuple[str, str] | None:
        """Trade a refresh token for a new session and a new refresh token.

        The old refresh token is spent, and where one token alone was accepted its sessions end.
        Returns None when the refresh token is dead.
        """
        old = _bearer(authorization)
        if not old or old in self._spent or self._refreshes not in (None, {old}):
            return None
        session, refresh = _session_token(), secrets.token_urlsafe(24)
        self._spent.add(old)
        self._sessions = None if self._sessions is None else {session}
        self._refreshes = None if self._refreshes is None else {refresh}
        return session, refresh

    def charge(self, cost: int) -> bool:
        """Take the cost of a submit; False, and nothing taken, if there is too little."""
        if cost > self.credits:
            return False
        self.credits -= cost
        return True


def _bearer(authorization: str | None) -> str:
    text = authorization or ""
    return text[len(BEARER) :].strip() if text.lower().startswith(BEARER) else ""


def _session_token() -> str:
    """A token shaped like the provider's JWT; nobody checks its signature."""
    now = int(time.time())
    claims = {
        "userId": ORG_ID,
        "iat": now,
        "exp": now + SESSION_LIFETIME_S,
        "jti": secrets.token_hex(8),
    }
    return ".".join([_segment({"alg": "none", "typ": "JWT"}), _segment(claims), "sandbox"])


def _segment(claims: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
