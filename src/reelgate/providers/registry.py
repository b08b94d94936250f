"""Which providers there are: one line each, and where their finished videos play."""

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

NAMES = (
    "imagine",
    "imagine_key",
    "videos",
    "openrouter",
    "xai",
    "luma",
    "fal",
    "gemini",
    "replicate",
    "ark",
    "minimax",
    "kling",
    "runway",
)
"""The first one is what a new user is told of."""


DECLARED = "declared"
"""One that the configuration file describes."""


@cache
def load(name: str) -> Registered:
    """What a provider declares. Its modules are loaded now: most gateways use one of them.

    Raises:
        KeyError: there is no such provider.
    """
    match name:
        case "imagine":
            from reelgate.providers.imagine.build import PROVIDER
        case "imagine_key":
            from reelgate.providers.imagine_key.adapter import PROVIDER
        case "videos":
            from reelgate.providers.videos_api.adapter import PROVIDER
        case "openrouter":
            from reelgate.providers.openrouter.adapter import PROVIDER
        case "xai":
            from reelgate.providers.xai.adapter import PROVIDER
        case "luma":
            from reelgate.providers.luma.adapter import PROVIDER
        case "fal":
            from reelgate.providers.fal.adapter import PROVIDER
        case "gemini":
            from reelgate.providers.gemini.adapter import PROVIDER
        case "replicate":
            from reelgate.providers.replicate.adapter import PROVIDER
        case "ark":
            from reelgate.providers.ark.adapter import PROVIDER
        case "minimax":
            from reelgate.providers.minimax.adapter import PROVIDER
        case "kling":
            from reelgate.providers.kling.adapter import PROVIDER
        case "runway":
            from reelgate.providers.runway.adapter import PROVIDER
        case "declared":
            from reelgate.providers.declared.adapter import PROVIDER
        case _:
            raise KeyError(name)
    return PROVIDER


class Providers(Mapping[str, Registered]):
    """Providers by their names, each loaded when it is looked up."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Registered:
        if name not in self._names:
            raise KeyError(name)
        return load(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


PROVIDERS = Providers(NAMES)
KINDS = Providers((*NAMES, DECLARED))
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
    return f"{PROVIDERS[NAMES[0]].settings.credential} or another provider's credential"


def first_example() -> str:
    """The model to try where stand-ins make the videos."""
    return PROVIDERS[NAMES[0]].settings.example_model


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
