from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import ValidationError

from reelgate.cli.config import fields_of, load_settings, variables
from reelgate.clock import SystemClock
from reelgate.net.client import HttpClient
from reelgate.provider_settings import ProviderSettings
from reelgate.providers.base import CancelOutcome, Provider
from reelgate.providers.imagine.build import SANDBOX_NAME, build_sandboxed
from reelgate.providers.registry import PROVIDERS, build_providers, may_mean
from reelgate.sandbox import Sandbox
from reelgate.settings import Settings
from tests.providers.imagine_account import TOKEN, a_request


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("IMAGINE_TOKEN", TOKEN)
    monkeypatch.setenv("IMAGINE_API_URL", "https://api.example/v1")
    monkeypatch.setenv("IMAGINE_ASSET_URL", "https://asset.example/processed/")
    monkeypatch.chdir(tmp_path)
    return load_settings()


def test_the_settings_make_imagine_under_its_own_name(http: HttpClient, settings: Settings) -> None:
    providers = build_providers(http, settings, SystemClock())
    assert list(providers) == ["imagine"]
    imagine: Provider = providers["imagine"]
    assert {model.provider for model in imagine.models} == {"imagine"}
    assert imagine.video_url("id-1") == "https://asset.example/processed/id-1"
    assert imagine.typical_s(a_request(duration=12, resolution="1080p")) == (120, 180)


async def test_a_sandboxed_provider_has_another_name_and_pace(
    http: HttpClient, sandbox: Sandbox
) -> None:
    provider = build_sandboxed(http, SystemClock(), sandbox_url=f"{sandbox.url}/", speed=20)
    assert provider.name == SANDBOX_NAME
    assert {model.provider for model in provider.models} == {SANDBOX_NAME}
    assert provider.typical_s(a_request()) == pytest.approx((6, 9))
    assert (await provider.submit(a_request("a cat [[never]]"))).provider_id
    assert provider.video_url("id-1") == f"{sandbox.url}/processed/id-1"


async def test_the_web_api_cannot_stop_a_job(http: HttpClient, settings: Settings) -> None:
    [imagine] = build_providers(http, settings, SystemClock()).values()
    assert await imagine.cancel("id-1") is CancelOutcome.IMPOSSIBLE


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_variables_of_a_provider_tell_by_their_names_whose_they_are(name: str) -> None:
    kind = PROVIDERS[name].settings
    told = [variable for field in fields_of(kind) for variable in variables(kind, field)]
    assert told
    assert [variable for variable in told if not may_mean(variable, name)] == []


VALUES = ("7", "true", "json", "https://api.example", "a-word", "video=part", "models.toml")
"""Of every kind that a provider's setting may have; each setting takes one of them at least."""
EACH_VARIABLE = [
    (name, field, variable)
    for name, known in PROVIDERS.items()
    for field in known.settings.model_fields
    for variable in variables(known.settings, field)
]


@pytest.mark.parametrize(("name", "field", "variable"), EACH_VARIABLE)
def test_each_variable_of_a_provider_is_read(
    name: str, field: str, variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models.toml").touch()
    kind: Callable[[], ProviderSettings] = PROVIDERS[name].settings
    before = getattr(kind(), field)
    after = set()
    for value in VALUES:
        monkeypatch.setenv(variable, value)
        with suppress(ValidationError):
            after.add(getattr(kind(), field))
    assert after - {before}


def test_a_gateway_with_one_account_loads_no_other_provider(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from reelgate.cli.config import load_settings\n"
        "print(*load_settings().configured, *sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "FAL_KEY": "a key"},
        check=True,
        capture_output=True,
        text=True,
    )
    prefix = "reelgate.providers."
    loaded = {each.removeprefix(prefix).partition(".")[0] for each in ran.stdout.split()}
    assert "fal" in loaded
    assert loaded & {*PROVIDERS, "videos_api", "declared"} == {"fal"}
