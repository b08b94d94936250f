"""Texts that only we can have made, and that say themselves until when they hold.

What a text is for goes into its signature: one for a session opens no share, nor the other way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

FORM = re.compile(r"([\w:-]{1,200})\.([0-9]{1,12})\.([\w-]{43})", re.ASCII)
"""What it is about, until when it holds in Unix seconds, and the signature."""


def signed(about: str, *, purpose: str, until: int, secret: bytes) -> str:
    """A text that holds until a Unix time."""
    return f"{about}.{until}.{signature(about, purpose, until, secret)}"


def about_of(text: str) -> str | None:
    """What a text claims to be about, which nobody has proven yet; None if it is none of ours."""
    found = FORM.fullmatch(text)
    return found[1] if found else None


def until_of(text: str, *, purpose: str, secret: bytes, now: float) -> int | None:
    """Until when a text holds, in Unix seconds; None if it is not ours or no longer holds."""
    found = FORM.fullmatch(text)
    if found is None:
        return None
    until = int(found[2])
    good = signature(found[1], purpose, until, secret)
    return until if hmac.compare_digest(good, found[3]) and now < until else None


def signature(about: str, purpose: str, until: int, secret: bytes) -> str:
    """HMAC-SHA256, in the letters of addresses."""
    digest = hmac.digest(secret, f"{purpose}\n{about}\n{until}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
