"""A second provider at which people sign in: its declaration is all that the others need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic_settings import SettingsConfigDict
from typer.testing import CliRunner

from reelgate.cli.app import command_app
from reelgate.cli.commands import login, logout
from reelgate.cli.config import load_settings
from reelgate.cli.database import opened
from reelgate.clock import Clock, SystemClock
from reelgate.db.database import Database
from reelgate.domain.credentials import Credential, CredentialKind, Tokens
from reelgate.domain.findings import Finding, Grade
from reelgate.net.client import HttpClient
from reelgate.provider_settings import ProviderSettings
from reelgate.providers import registry
from reelgate.providers.registered import Registered
from reelgate.providers.registry import build_providers
from reelgate.providers.signin import CredentialStore, Named, SignInFailed
from reelgate.runtime.doctor import examine
from reelgate.runtime.signin import use_kept_credentials, with_sign_in
from reelgate.settings import Settings


class AcmeSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="REELGATE_PROVIDERS__ACME__")
    title: ClassVar[str] = "Acme"
    credential: ClassVar[str] = "ACME_TOKEN"


@dataclass(frozen=True)
class AcmeAttempt:
    address: str = "https://acme.example/sign-in"

    def code_in(self, redirected: str) -> str:
        codes = parse_qs(urlsplit(redirected.strip()).query).get("code")
        if not codes:
            raise SignInFailed("There is no code in that address.")
        return codes[0]


class AcmePlaces:
    needs_folder = True

    async def organisations(self) -> list[Named]:
        return [Named("org-1", "Studio")]

    async def folders(self, org_id: str) -> list[Named]:
        return [Named(f"{org_id}/films", "Films"), Named(f"{org_id}/tests", "Tests")]


class AcmeAdapter:
    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: Credential | None = None


class AcmeSignIn:
    in_settings = ""
    place_in_settings = ()

    def __init__(
        self, _http: HttpClient, _settings: AcmeSettings, _clock: Clock, name: str
    ) -> None:
        self.name = name

    async def begin(self, _redirect_uri: str) -> AcmeAttempt:
        return AcmeAttempt()

    async def redeem(self, _attempt: AcmeAttempt, code: str) -> Credential:
        return Credential(self.name, CredentialKind.OAUTH, Tokens(f"token of {code}"))

    def places(self, _credential: Credential) -> AcmePlaces:
        return AcmePlaces()

    @asynccontextmanager
    async def kept_places(self, _store: CredentialStore) -> AsyncIterator[AcmePlaces]:
        yield AcmePlaces()

    async def use_kept(
        self, provider: AcmeAdapter, store: CredentialStore, _stack: AsyncExitStack
    ) -> None:
        provider.sent = await store.find(self.name)


async def examine_acme(sign_in: AcmeSignIn, store: CredentialStore | None) -> list[Finding] | None:
    found = None if store is None else await store.find(sign_in.name)
    return None if found is None else [Finding("credential", Grade.OK, found.parent_id)]


def no_stand_in(*_: object, **__: object) -> Any:  # noqa: ANN401
    raise AssertionError("nobody asks for one")


ACME = Registered(
    AcmeSettings,
    lambda _name: (),
    lambda _http, _settings, _clock, name: AcmeAdapter(name),  # type: ignore[arg-type, return-value]
    no_stand_in,
    sign_in=AcmeSignIn,
    examine=examine_acme,
)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for providers in (registry.PROVIDERS, registry.KINDS):
        monkeypatch.setitem(providers._loaders, "acme", lambda: ACME)
    monkeypatch.setenv("REELGATE_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def run(command: ModuleType, *arguments: str, typed: str = "") -> str:
    app = command_app()
    app.callback()(lambda: None)
    command.add_commands(app)
    ran = CliRunner().invoke(app, ["acme", *arguments], input=typed)
    assert ran.exit_code == 0, ran.output
    return ran.output


async def in_use(settings: Settings, database: Database) -> Credential | None:
    """What the account's adapter sends, built as a gateway builds it."""
    settings = await with_sign_in(settings, database)
    async with HttpClient() as http, AsyncExitStack() as stack:
        built = build_providers(http, settings, SystemClock())
        await use_kept_credentials(settings, database, http, SystemClock(), built, stack)
    acme: Any = built.get("acme")
    return None if acme is None else acme.sent


async def gateway_sends() -> Credential | None:
    settings = load_settings()
    return await opened(settings, lambda database: in_use(settings, database))


def sign_in() -> str:
    address = "http://127.0.0.1/callback?code=7\n"
    return run(login, "--no-browser", "--folder", "Films", typed=f"nothing\n{address}")


def test_the_command_signs_in_there_and_asks_where_videos_go() -> None:
    said = sign_in()
    assert "https://acme.example/sign-in" in said
    assert "There is no code in that address." in said
    assert "Signed in at Acme; the gateway renews the credential from now on." in said
    assert "Studio (org-1)" in said
    assert "Tests (org-1/tests)" in run(login, "--choose-folder", "--folder", "Tests")


def test_signing_out_forgets_it() -> None:
    sign_in()
    assert "Signed out of Acme" in run(logout)
    assert "Nobody was signed in at Acme." in run(logout)


async def test_a_gateway_uses_what_is_kept_and_the_doctor_examines_it() -> None:
    assert await gateway_sends() is None
    await asyncio.to_thread(sign_in)
    sent = await gateway_sends()
    assert sent is not None
    assert (sent.tokens.access, sent.parent_id) == ("token of 7", "org-1/films")
    findings = await examine(load_settings())
    assert Finding("credential", Grade.OK, "org-1/films") in findings
