"""Which providers there are: one function each, and where their finished videos play."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache

from reelgate.clock import Clock
from reelgate.domain.catalog import Model
from reelgate.domain.video import Video
from reelgate.net.client import HttpClient
from reelgate.provider_settings import PROVIDERS_PREFIX, ProviderSettings
from reelgate.providers.base import Provider
from reelgate.providers.registered import Registered
from reelgate.settings import Settings

SANDBOX_SUFFIX = "-sandbox"
"""Ends the name of an account that a stand-in plays, so that nobody takes it for the real one."""

DECLARED = "declared"
"""One that the configuration file describes."""

Load = Callable[[], Registered]
"""Imports a provider's modules, and returns what it declares."""
LOADERS: dict[str, Load] = {}


def provider(load: Load) -> Load:
    """Register a provider under the function's name; most gateways load one or two of them."""
    LOADERS[load.__name__] = cache(load)
    return load


# The first one is the one of which a new user is told.
@provider
def imagine() -> Registered:
    from reelgate.providers.imagine.build import PROVIDER

    return PROVIDER


@provider
def imagine_key() -> Registered:
    from reelgate.providers.imagine_key.adapter import PROVIDER

    return PROVIDER


@provider
def videos() -> Registered:
    from reelgate.providers.videos_api.adapter import PROVIDER

    return PROVIDER


@provider
def openrouter() -> Registered:
    from reelgate.providers.openrouter.adapter import PROVIDER

    return PROVIDER


@provider
def xai() -> Registered:
    from reelgate.providers.xai.adapter import PROVIDER

    return PROVIDER


@provider
def luma() -> Registered:
    from reelgate.providers.luma.adapter import PROVIDER

    return PROVIDER


@provider
def fal() -> Registered:
    from reelgate.providers.fal.adapter import PROVIDER

    return PROVIDER


@provider
def gemini() -> Registered:
    from reelgate.providers.gemini.adapter import PROVIDER

    return PROVIDER


@provider
def replicate() -> Registered:
    from reelgate.providers.replicate.adapter import PROVIDER

    return PROVIDER


@provider
def ark() -> Registered:
    from reelgate.providers.ark.adapter import PROVIDER

    return PROVIDER


@provider
def minimax() -> Registered:
    from reelgate.providers.minimax.adapter import PROVIDER

    return PROVIDER


@provider
def kling() -> Registered:
    from reelgate.providers.kling.adapter import PROVIDER

    return PROVIDER


@provider
def runway() -> Registered:
    from reelgate.providers.runway.adapter import PROVIDER

    return PROVIDER


@provider
def declared() -> Registered:
    from reelgate.providers.declared.adapter import PROVIDER

    return PROVIDER


class Providers(Mapping[str, Registered]):
    """Providers by their names, each loaded when it is looked up."""

    def __init__(self, loaders: Mapping[str, Load]) -> None:
        self._loaders = loaders

    def __getitem__(self, name: str) -> Registered:
        return self._loaders[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._loaders

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)


PROVIDERS = Providers({name: load for name, load in LOADERS.items() if name != DECLARED})
KINDS = Providers(LOADERS)
"""What an account in the configuration file may be: `PROVIDERS` have one of their own name."""


def first_word(name: str) -> str:
    """What the short names of a provider's variables begin with."""
    return name.partition("_")[0].upper()


def may_mean(variable: str, name: str) -> bool:
    """Whether a variable may be one of a provider's settings, told without loading any."""
    return variable.upper().startswith((f"{PROVIDERS_PREFIX}{name.upper()}__", first_word(name)))


def with_accounts(settings: Settings, names: Collection[str]) -> Settings:
    """The settings with each of these providers' own account, in the registry's order.

    One that is added has nothing but defaults: those that a variable or the file names were read.
    """
    own = {
        name: settings.providers.get(name) or PROVIDERS[name].settings.model_construct()
        for name in PROVIDERS
        if name in names or name in settings.providers
    }
    return settings.model_copy(update={"providers": {**own, **settings.providers}})


def registered_models() -> tuple[Model, ...]:
    """Every model that a provider declares, whether or not it is configured."""
    return tuple(model for name, known in PROVIDERS.items() for model in known.models(name))


def registered(name: str, own: ProviderSettings | None) -> Registered:
    """The provider of an account; without settings of its own it is that of its name."""
    return KINDS[name if own is None or name in PROVIDERS else own.kind]


def build_providers(
    http: HttpClient,
    settings: Settings,
    clock: Clock,
    counted: Callable[[HttpClient, Registered, str], HttpClient] = lambda http, _known, _name: http,
) -> dict[str, Provider]:
    """Every account with credentials, by the name that stands in stored jobs.

    `counted` gives the client that keeps to an account's requests a minute.
    """
    kinds = {name: registered(name, own) for name, own in settings.configured.items()}
    return {
        name: known.build(counted(http, known, name), settings.providers[name], clock, name)
        for name, known in kinds.items()
    }


def credential_variables() -> str:
    """The variables that hold the providers' credentials, to be told to people: there are many."""
    return f"{first().settings.credential} or another provider's credential"


def first_example() -> str:
    """The model to try where stand-ins make the videos."""
    return first().settings.example_model


def first() -> Registered:
    """The provider that a new user is told of."""
    return next(iter(PROVIDERS.values()))


def sign_ins() -> dict[str, Registered]:
    """The providers at which people sign in."""
    return {name: known for name, known in PROVIDERS.items() if known.sign_in is not None}


def login_command() -> str:
    """What signs a person in at the first provider where that can be done."""
    return f"reelgate login {next(iter(sign_ins()))}"


def video_url(video: Video, providers: Mapping[str, Provider]) -> str | None:
    """Where anybody can play a video once it is ready; None before it was accepted."""
    provider = providers.get(video.provider)
    if provider is None or video.provider_id is None:
        return None
    return provider.video_url(video.provider_id)
