"""API keys: who may use the gateway, and how much."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import uuid_utils

PREFIX = "rg_"
SECRET_BYTES = 30


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
