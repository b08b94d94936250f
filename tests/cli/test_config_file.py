"""The file of accounts and virtual models."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelgate.cli.config import load_settings
from reelgate.cli.exits import CliError
from reelgate.domain.routing import Goal, Target
from reelgate.providers.api_settings import ApiSettings

SECRET = "not-a-real-key"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env`, and no account in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("FAL_KEY", "IMAGINE_TOKEN", "IMAGINE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "reelgate.toml"
    path.write_text(text)
    return path


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(CliError) as caught:
        load_settings(config=write(tmp_path, text))
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_accounts_and_virtual_models_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"""
[providers.fal]
key = "{SECRET}"
max_in_flight = 3

[providers.fal-team]
kind = "fal"
key = "another"

[models.best]
targets = ["fal/fal-ai/veo3.1", {{ model = "imagine/veo-3.1", weight = 2 }}]

[models."cheap.1"]
targets = ["fal/fal-ai/veo3.1"]
goal = "cheapest"
""",
    )
    settings = load_settings(config=path)
    assert set(settings.configured) == {"fal", "fal-team"}
    own, team = settings.providers["fal"], settings.providers["fal-team"]
    assert isinstance(own, ApiSettings)
    assert isinstance(team, ApiSettings)
    assert (own.key.get_secret_value(), own.max_in_flight) == (SECRET, 3)
    assert (team.key.get_secret_value(), team.max_in_flight) == ("another", None)
    best, cheap = settings.virtual_models["best"], settings.virtual_models["cheap.1"]
    assert best.targets == (Target("fal/fal-ai/veo3.1"), Target("imagine/veo-3.1", 2.0))
    assert (best.goal, cheap.goal) == (Goal.FIRST, Goal.CHEAPEST)


def test_a_variable_goes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAL_KEY", "of-the-variable")
    settings = load_settings(config=write(tmp_path, f'[providers.fal]\nkey = "{SECRET}"\n'))
    own = settings.providers["fal"]
    assert isinstance(own, ApiSettings)
    assert own.key.get_secret_value() == "of-the-variable"


def test_another_account_has_nothing_of_the_first_one_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FAL_KEY", SECRET)
    text = '[providers.fal-eu]\nkind = "fal"\napi_url = "https://eu.example"\n'
    settings = load_settings(config=write(tmp_path, text))
    assert set(settings.configured) == {"fal"}


def test_another_account_can_be_named_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_PROVIDERS__FAL_EU__KIND", "fal")
    monkeypatch.setenv("REELGATE_PROVIDERS__FAL_EU__KEY", SECRET)
    settings = load_settings()
    own = settings.configured["fal_eu"]
    assert isinstance(own, ApiSettings)
    assert own.key.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[accounts.fal]\n", 1, "providers and models"),
        (f'[providers.fal]\nkye = "{SECRET}"\n', 2, "kye is not known for fal: use"),
        (f'[providers.mine]\nkey = "{SECRET}"\n', 1, "give mine a kind"),
        (f'[providers.mine]\nkey = "{SECRET}"\nkind = "fall"\n', 3, "is no provider"),
        (f'[providers.imagine]\nkind = "fal"\nkey = "{SECRET}"\n', 1, "cannot be the name"),
        (f'[providers.fal]\nkey = "{SECRET}"\nmax_in_flight = 0\n', 3, "greater than or equal"),
        ('[providers.fal]\napi_url = "nowhere"\n', 2, "api_url"),
        ("[models.best]\n", 1, "needs targets"),
        ("[models.best]\ntargets = []\n", 2, "needs targets"),
        ('[models.best]\ntargets = ["best"]\n', 2, "cannot be a target of itself"),
        ('[models.a]\ntargets = ["b"]\n[models.b]\ntargets = ["x"]\n', 2, "virtual model, too"),
        ('[models.a]\ntargets = ["x"]\ngoal = "best"\n', 3, "first, cheapest, fastest"),
        ('[models.a]\ntargets = [{ model = "x", weight = 0 }]\n', 2, "a number above 0"),
        ('[models.a]\ntargets = [{ model = "x", wieght = 1 }]\n', 2, "wieght is not known"),
        ('[models.a]\ntargets = ["x"]\ngaol = "first"\n', 3, "use targets and goal"),
        ('[models.a]\ntargets = ["x"\n', 0, "not valid TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    message = refused(tmp_path, text)
    assert words in message
    assert (f"line {line}:" in message) is (line > 0)


def test_weights_and_another_goal_do_not_go_together(tmp_path: Path) -> None:
    text = '[models.a]\ngoal = "fastest"\ntargets = [{ model = "x", weight = 1 }]\n'
    assert "do not go together" in refused(tmp_path, text)


def test_a_variable_that_names_no_provider_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_PROVIDERS__FAL_EU__KIND", "fall")
    with pytest.raises(CliError, match=r"REELGATE_PROVIDERS__FAL_EU__KIND=fall: use one of .*fal"):
        load_settings()
