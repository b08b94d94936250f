"""Which providers there are: one line each, and where their finished videos play."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from reelgate.clock import Clock
from reelgate.domain.catalog import Model
from reelgate.domain.video import Video
from reelgate.net.client import HttpClient
from reelgate.provider_settings import ProviderSettings
from reelgate.providers.api import ApiAccount, ApiProvider
from reelgate.providers.api_settings import ApiSettings
from reelgate.providers.ark import models as ark
from reelgate.providers.ark.adapter import Ark
from reelgate.providers.ark.settings import ArkSettings
from reelgate.providers.base import Provider
from reelgate.providers.declared.adapter import Declared
from reelgate.providers.declared.settings import DeclaredSettings
from reelgate.providers.fal import models as fal
from reelgate.providers.fal.adapter import Fal
from reelgate.providers.fal.settings import FalSettings
from reelgate.providers.gemini import models as gemini
from reelgate.providers.gemini.adapter import Gemini
from reelgate.providers.gemini.settings import GeminiSettings
from reelgate.providers.imagine.build import build_imagine, build_sandboxed
from reelgate.providers.imagine.models import imagine_models
from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.providers.imagine_key import models as imagine_key
from reelgate.providers.imagine_key.adapter import ImagineKey
from reelgate.providers.imagine_key.settings import ImagineKeySettings
from reelgate.providers.kling import models as kling
from reelgate.providers.kling.adapter import Kling
from reelgate.providers.kling.settings import KlingSettings
from reelgate.providers.luma import models as luma
from reelgate.providers.luma.adapter import Luma
from reelgate.providers.luma.settings import LumaSettings
from reelgate.providers.minimax import models as minimax
from reelgate.providers.minimax.adapter import MiniMax
from reelgate.providers.minimax.settings import MiniMaxSettings
from reelgate.providers.openrouter.adapter import OpenRouter
from reelgate.providers.openrouter.settings import OpenRouterSettings
from reelgate.providers.replicate import models as replicate
from reelgate.providers.replicate.adapter import Replicate
from reelgate.providers.replicate.settings import ReplicateSettings
from reelgate.providers.runway import models as runway
from reelgate.providers.runway.adapter import Runway
from reelgate.providers.runway.settings import RunwaySettings
from reelgate.providers.videos_api.adapter import Videos
from reelgate.providers.videos_api.settings import Body, VideosSettings
from reelgate.providers.xai import models as xai
from reelgate.providers.xai.adapter import Xai
from reelgate.providers.xai.settings import XaiSettings
from reelgate.settings import Settings, split

SANDBOX_SUFFIX = "-sandbox"
"""Ends the name of an account that a stand-in plays, so that nobody takes it for the real one."""


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
    """

    settings: type[ProviderSettings]
    models: Callable[[str], tuple[Model, ...]]
    build: Callable[[HttpClient, Any, Clock, str], Provider]
    build_stand_in: BuildStandIn
    requests_per_minute: int | None = None
    has_default_stand_in: bool = True


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


PROVIDERS: Mapping[str, Registered] = {
    "imagine": Registered(ImagineSettings, imagine_models, build_imagine, build_sandboxed),
    "imagine_key": at_api(
        ImagineKeySettings,
        by_rows(ImagineKey, imagine_key.rows_with),
        stand_in_path="v2",
        requests_per_minute=50,
        has_default_stand_in=False,
    ),
    "videos": at_api(
        VideosSettings,
        lambda http, account, settings: Videos(
            http, account, more(settings), settings.body if settings else Body.AUTO
        ),
        stand_in_path="videos/v1",
    ),
    "openrouter": at_api(
        OpenRouterSettings,
        lambda http, account, settings: OpenRouter(http, account, more(settings)),
        stand_in_path="openrouter/api/v1",
    ),
    "xai": at_api(
        XaiSettings,
        by_rows(Xai, xai.rows_with),
        stand_in_path="xai/v1",
    ),
    "luma": at_api(
        LumaSettings,
        lambda http, account, settings: Luma(
            http,
            account,
            luma.rows_with(
                more(settings), takes_pictures=settings is not None and settings.data_urls
            ),
        ),
        stand_in_path="luma/dream-machine/v1",
    ),
    "fal": at_api(
        FalSettings,
        by_rows(Fal, fal.rows_with),
        stand_in_path="fal",
    ),
    "gemini": at_api(
        GeminiSettings,
        by_rows(Gemini, gemini.rows_with),
        stand_in_path="gemini/v1beta",
    ),
    "replicate": at_api(
        ReplicateSettings,
        lambda http, account, settings: Replicate(
            http, account, replicate.rows_with(more(settings)), settings
        ),
        stand_in_path="replicate/v1",
    ),
    "ark": at_api(
        ArkSettings,
        lambda http, account, settings: Ark(
            http,
            account,
            ark.rows_with(more(settings)),
            marks_submits=settings is not None and settings.mark_submits,
        ),
        stand_in_path="ark/api/v3",
    ),
    "minimax": at_api(
        MiniMaxSettings,
        by_rows(MiniMax, minimax.rows_with),
        stand_in_path="minimax",
    ),
    "kling": at_api(
        KlingSettings,
        by_rows(Kling, kling.rows_with),
        stand_in_path="kling",
    ),
    "runway": at_api(
        RunwaySettings,
        by_rows(Runway, runway.rows_with),
        stand_in_path="runway/v1",
    ),
}


def build_declared(
    http: HttpClient, settings: DeclaredSettings, _clock: Clock, name: str
) -> Provider:
    """An account at a provider that the configuration file declares."""
    return Declared(http, ApiAccount(name, settings.address, settings.secret), settings)


def build_declared_stand_in(
    http: HttpClient,
    clock: Clock,  # noqa: ARG001 - no key tells when it ends
    *,
    sandbox_url: str,
    speed: float,
    name: str,
    public_asset_url: str | None,  # noqa: ARG001 - its videos have no address of their own
    settings: DeclaredSettings,
) -> Provider:
    """The same, at the address that its settings name as its sandbox."""
    account = ApiAccount(name, sandbox_url, SANDBOX_KEY, 1.0 / speed)
    return Declared(http, account, settings)


DECLARED = Registered(
    DeclaredSettings,
    lambda _name: (),
    build_declared,
    build_declared_stand_in,
    has_default_stand_in=False,
)
KINDS: Mapping[str, Registered] = {**PROVIDERS, "declared": DECLARED}
"""What an account in the configuration file may be: `PROVIDERS` have one of their own name."""


def registered_models() -> tuple[Model, ...]:
    """Every model that a provider declares, whether or not it is configured."""
    return tuple(model for name, known in PROVIDERS.items() for model in known.models(name))


def registered(settings: ProviderSettings) -> Registered:
    """The provider whose settings these are."""
    return next(known for known in KINDS.values() if isinstance(settings, known.settings))


def build_providers(
    http: HttpClient,
    settings: Settings,
    clock: Clock,
    counted: Callable[[HttpClient, Registered, str], HttpClient] = lambda http, _known, _name: http,
) -> dict[str, Provider]:
    """Every account with credentials, by the name that stands in stored jobs.

    `counted` gives the client that keeps to an account's requests a minute.
    """
    return {
        name: registered(own).build(counted(http, registered(own), name), own, clock, name)
        for name, own in settings.configured.items()
    }


def credential_variables() -> str:
    """The variables that hold the providers' credentials, to be told to people: there are many."""
    first = next(iter(PROVIDERS.values()))
    return f"{first.settings.credential} or another provider's credential"


def video_url(video: Video, providers: Mapping[str, Provider]) -> str | None:
    """Where anybody can play a video once it is ready; None before it was accepted."""
    provider = providers.get(video.provider)
    if provider is None or video.provider_id is None:
        return None
    return provider.video_url(video.provider_id)
