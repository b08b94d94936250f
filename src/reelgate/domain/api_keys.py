"""API keys: who may use the gateway, and how much."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import uuid_utils

from reelgate.domain.price import Money, Unit

PREFIX = "rg_"
ID_PREFIX = "key_"
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


class Scope(StrEnum):
    """What a key may be used for."""

    MAKE = "make"  # ask for videos, cancel and delete them
    READ = "read"  # see its own videos and usage, and the models
    OPERATE = "operate"  # see everybody's videos and usage, and make and revoke keys


USUAL_SCOPES = frozenset({Scope.MAKE, Scope.READ})
"""Those of a key for which nothing else is said."""


class Period(StrEnum):
    """For how long a spend limit is counted; both begin at midnight UTC."""

    DAY = "day"
    MONTH = "month"

    def since(self, now: float) -> float:
        """When the one that holds this Unix time began."""
        return self._first(now).timestamp()

    def until(self, now: float) -> float:
        """When it ends."""
        beyond = timedelta(days=1 if self is Period.DAY else 32)
        return self.since((self._first(now) + beyond).timestamp())

    def _first(self, now: float) -> datetime:
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day if self is Period.DAY else day.replace(day=1)


@dataclass(frozen=True)
class Allowance:
    """What a key's owner may do; None means as much as it likes.

    The names are those of the HTTP API, the command line and the table; what is in dollars counts
    millionths of one.

    Attributes:
        rpm: requests a minute.
        max_in_flight: unfinished videos at once.
        models: those it may ask for, by their ids or as `provider/id`, `*` standing for anything;
            empty: all.
        allow_unpriced: whether its spend limits let pass what nobody knows the price of.
    """

    rpm: int | None = None
    max_in_flight: int | None = None
    credits_per_day: int | None = None
    credits_per_month: int | None = None
    usd_per_day: int | None = None
    usd_per_month: int | None = None
    max_price_credits: int | None = None
    max_price_usd: int | None = None
    models: tuple[str, ...] = ()
    allow_unpriced: bool = False

    # Every new video asks for these, of an allowance that seldom changes.
    @cached_property
    def per(self) -> Mapping[Period, tuple[Money, ...]]:
        """What may be spent in a day and in a month, in each unit that is limited."""
        return {period: self._amounts(f"{{unit}}_per_{period}") for period in Period}

    @cached_property
    def max_price(self) -> tuple[Money, ...]:
        """What one video may cost, in each unit that is limited."""
        return self._amounts("max_price_{unit}")

    @cached_property
    def limits_spending(self) -> bool:
        """Whether it matters what a video costs."""
        return bool(self.max_price or any(self.per.values()))

    def _amounts(self, name: str) -> tuple[Money, ...]:
        told = ((unit, getattr(self, name.format(unit=unit))) for unit in Unit)
        return tuple(Money(amount, unit) for unit, amount in told if amount is not None)

    def allows_model(self, own: str, full: str) -> bool:
        """Whether a model may be asked for that its provider calls so, and we with its name."""
        return not self.models or any(
            fnmatchcase(own, pattern) or ("/" in pattern and fnmatchcase(full, pattern))
            for pattern in self.models
        )


UNLIMITED = Allowance()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, as it is kept: without its secret.

    Attributes:
        expires_at: when it stops working, Unix seconds; None: never.
        previous_until: until when the secret before its last rotation works, too; None: there is
            none.
    """

    id: str
    name: str
    allowance: Allowance
    created_at: float
    scopes: frozenset[Scope] = USUAL_SCOPES
    expires_at: float | None = None
    previous_until: float | None = None

    def has_expired(self, now: float) -> bool:
        """Whether it works no more."""
        return self.expires_at is not None and self.expires_at <= now


def new_key_id() -> str:
    """A unique id that sorts by the time it was made."""
    return f"{ID_PREFIX}{uuid_utils.uuid7().hex}"


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


LIMITS = {
    "rpm": "Requests a minute.",
    "max_in_flight": "Unfinished videos at once.",
    "credits_per_day": "The providers' credits a day (UTC).",
    "credits_per_month": "The providers' credits a month (UTC).",
    "usd_per_day": "US dollars a day (UTC).",
    "usd_per_month": "US dollars a month (UTC).",
    "max_price_credits": "What one video may cost, in credits.",
    "max_price_usd": "What one video may cost, in US dollars.",
    "models": "The models it may ask for, `*` standing for anything: `fal/*` is all of fal's.",
    "allow_unpriced": "Whether its spend limits let pass what nobody knows the price of.",
}
"""Each field of an `Allowance`, in a sentence for people."""
MOST = 2**31 - 1
"""Of requests, videos and credits: what their columns hold."""
MOST_USD = 1e9
IN_DOLLARS = frozenset(each.name for each in fields(Allowance) if Unit.USD in each.name.split("_"))
"""The limits that people write in dollars, and that count millionths of one."""


def allowance_of(told: Mapping[str, Any], before: Allowance | None = None) -> Allowance:
    """An allowance as people write it, dollars in dollars; what is not told stays as before."""
    changes = {each.name: told[each.name] for each in fields(Allowance) if each.name in told}
    for name in IN_DOLLARS & changes.keys():
        if changes[name] is not None:
            changes[name] = Money.of(changes[name], Unit.USD).amount
    if "models" in changes:
        changes["models"] = tuple(changes["models"])
    return replace(before or Allowance(), **changes)


def key_object(key: ApiKey) -> dict[str, Any]:
    """A key as the HTTP API and the command line tell it; times are Unix seconds."""
    allowance = {each.name: getattr(key.allowance, each.name) for each in fields(Allowance)}
    for name in IN_DOLLARS:
        if allowance[name] is not None:
            allowance[name] = Money(allowance[name], Unit.USD).value
    return {
        "id": key.id,
        "object": "api_key",
        "name": key.name,
        "scopes": [scope.value for scope in Scope if scope in key.scopes],
        **allowance,
        "models": list(key.allowance.models),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "previous_until": key.previous_until,
    }
