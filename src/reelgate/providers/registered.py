"""What the registry knows of a provider, and how one at an API with a key declares it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from reelgate.clock import Clock
from reelgate.domain.catalog import Model
from reelgate.net.client import HttpClient
from reelgate.provider_settings import ProviderSettings
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings
from reelgate.providers.base import Provider
from reelgate.settings import split

if TYPE_CHECKING:
    from reelgate.domain.findings import Finding
    from reelgate.providers.signin import CredentialStore, SignIn


class BuildStandIn(Protocol):
    """Builds the adapter against a stand-in."""

    def __call__(
        self,
        http: HttpClient,
        clock: Clock,
        *,
        sandbox_url: str,
        speed: float,
        name: str,
        public_asset_url: str | None,
        settings: Any,  # noqa: ANN401 - each provider has its own class
    ) -> Provider:
        """`speed`: how many times faster than the real one; `settings`: of its class, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Registered:
    """One provider.

    Attributes:
        settings: its settings' class.
        models: those of an account of that name, without credentials.
        build: an account under a name, with the settings of that class.
        build_stand_in: the same against a stand-in.
        requests_per_minute: what it takes of one account, of all processes together; None: any.
        has_default_stand_in: whether a stand-in plays for it where nobody has credentials and no
            sandbox is named.
        sign_in: how people sign in at an account with these settings; None: not at all.
        examine: with `sign_in`, all that the doctor is to say of such an account and the credential
            that is kept, if there is a database; None where it has no credential. Free of charge.
    """

    settings: type[ProviderSettings]
    models: Callable[[str], tuple[Model, ...]]
    build: Callable[[HttpClient, Any, Clock, str], Provider]
    build_stand_in: BuildStandIn
    requests_per_minute: int | None = None
    has_default_stand_in: bool = True
    sign_in: Callable[[HttpClient, Any, Clock, str], SignIn] | None = None
    examine: Callable[[Any, CredentialStore | None], Awaitable[list[Finding] | None]] | None = None


SANDBOX_KEY = "reelgate-sandbox"
"""The stand-ins take any key; this one says in their record whose it is."""

S = TypeVar("S", bound=ApiSettings)
R = TypeVar("R")


def at_api(
    settings_kind: type[S],
    adapter: Callable[[HttpClient, ApiAccount, S | None], ApiProvider],
    *,
    stand_in_path: str,
    requests_per_minute: int | None = None,
    has_default_stand_in: bool = True,
) -> Registered:
    """A provider that is reached with an API key.

    Args:
        settings_kind: its settings' class.
        adapter: builds it; the settings are None where a stand-in plays without any.
        stand_in_path: where its stand-in's API begins below the sandbox's address.
        requests_per_minute: see `Registered`.
        has_default_stand_in: likewise.
    """

    def build(http: HttpClient, settings: S, _clock: Clock, name: str) -> Provider:
        key = settings.key.get_secret_value()
        return adapter(http, ApiAccount(name, settings.address, key), settings)

    def build_stand_in(
        http: HttpClient,
        clock: Clock,  # noqa: ARG001 - no key tells when it ends
        *,
        sandbox_url: str,
        speed: float,
        name: str,
        public_asset_url: str | None,  # noqa: ARG001 - its videos have no address of their own
        settings: S | None,
    ) -> Provider:
        base_url = f"{sandbox_url.rstrip('/')}/{stand_in_path}"
        return adapter(http, ApiAccount(name, base_url, SANDBOX_KEY, 1.0 / speed), settings)

    def models(name: str) -> tuple[Model, ...]:
        return adapter(HttpClient(), ApiAccount(name, "", ""), None).models

    return Registered(
        settings_kind,
        models,
        build,
        build_stand_in,
        requests_per_minute=requests_per_minute,
        has_default_stand_in=has_default_stand_in,
    )


def more(settings: ApiSettings | None) -> list[str]:
    """The models that a user names beside those that a provider declares."""
    return [] if settings is None else split(settings.more_models)


def by_rows(
    adapter: Callable[[HttpClient, ApiAccount, Iterable[R]], ApiProvider],
    rows_with: Callable[[Iterable[str]], Iterable[R]],
) -> Callable[[HttpClient, ApiAccount, ApiSettings | None], ApiProvider]:
    """Builds an adapter that needs nothing but its rows, with those that a user names."""
    return lambda http, account, settings: adapter(http, account, rows_with(more(settings)))
