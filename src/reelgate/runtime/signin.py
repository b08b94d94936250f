"""The credentials of `reelgate login`: where they are kept, and which accounts use them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from reelgate.clock import Clock
from reelgate.db.credentials import Credentials
from reelgate.db.database import Database
from reelgate.db.secret_box import SecretBox
from reelgate.net.client import HttpClient
from reelgate.providers.base import Provider
from reelgate.providers.registered import Registered
from reelgate.providers.registry import registered, with_accounts
from reelgate.providers.signin import SignIn
from reelgate.settings import Settings


def kept_credentials(settings: Settings, database: Database) -> Credentials:
    """Where credentials are kept; the key is read when it is needed."""
    return Credentials(
        database, SecretBox(settings.secret_key.get_secret_value(), settings.data_dir)
    )


async def with_sign_in(settings: Settings, database: Database) -> Settings:
    """The settings, which know from now on where somebody has signed in."""
    signed_in = await kept_credentials(settings, database).signed_in()
    settings = with_accounts(settings, signed_in)
    for name in signed_in & settings.providers.keys():
        if registered(name, settings.providers[name]).sign_in is not None:
            settings = settings.signed_in(name)
    return settings


def sign_in_at(
    name: str, known: Registered, settings: Settings, http: HttpClient, clock: Clock
) -> SignIn:
    """Signing in at a provider's own account.

    Raises:
        ValueError: people do not sign in there.
    """
    if known.sign_in is None:
        raise ValueError(name)
    own = settings.providers.get(name) or known.settings.model_construct()
    return known.sign_in(http, own, clock, name)


async def use_kept_credentials(
    settings: Settings,
    database: Database,
    http: HttpClient,
    clock: Clock,
    providers: Mapping[str, Provider],
    stack: AsyncExitStack,
) -> None:
    """Let each account at which people sign in use the best credential there is."""
    kept = kept_credentials(settings, database)
    for name, provider in providers.items():
        own = settings.providers[name]
        sign_in = registered(name, own).sign_in
        if sign_in is not None:
            await sign_in(http, own, clock, name).use_kept(provider, kept, stack)
