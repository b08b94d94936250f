"""API keys: who may use the gateway, and how much."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from enum import Enum

import uuid_utils

PREFIX = "rg_"
SECRET_BYTES = 30
BOOTSTRAP_ID = "key_bootstrap"
"""The key that a setting brings: always the same one, so that a new secret keeps its videos."""
BOOTSTRAP_NAME = "bootstrap"
BOOTSTRAP_SECRET = re.compile(r"rg_[A-Za-z0-9_-]{32,200}")
MIN_DIFFERENT = 10
"""Random text of this length has more different characters; `rg_changemechangeme...` has fewer."""
BOOTSTRAP_SHAPE = (
    "it must be `rg_` and at least 32 random letters, digits, `_` or `-`: make one with "
    "`echo rg_$(openssl rand -hex 24)`"
)


class KeyStanding(Enum):
    """Whether a gateway has keys."""

    NEVER = "never"  # there is none, and none was ever made
    ACTIVE = "active"  # there is at least one
    REVOKED = "revoked"  # there was one, and every one was revoked


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key's owner may do; None means as much as it likes."""

    rpm: int | None = None
    max_in_flight: int | None = None
    credits_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, as it is kept: without its secret."""

    id: str
    name: str
    allowance: Allowance
    created_at: float


def new_key_id() -> str:
    """A unique id that sorts by the time it was made."""
    return f"key_{uuid_utils.uuid7().hex}"


def new_secret() -> str:
    """A new key's secret, shown once and never kept."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def digest_of(secret: str) -> str:
    """What is kept of a secret. It is random and long, so a plain SHA-256 cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_bootstrap_secret(secret: str) -> None:
    """Refuse a secret that somebody could guess from its digest, or that no client could send.

    Raises:
        ValueError: says what it must look like, without repeating it.
    """
    if not BOOTSTRAP_SECRET.fullmatch(secret) or len(set(secret)) < MIN_DIFFERENT:
        raise ValueError(BOOTSTRAP_SHAPE)
