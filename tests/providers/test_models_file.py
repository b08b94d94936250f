"""A user's own models: added and changed by a file, whose mistakes are told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelgate.cli.config import load_settings
from reelgate.cli.exits import CliError
from reelgate.clock import SystemClock
from reelgate.domain.catalog import Model
from reelgate.domain.reference import Kind, Reference, Role
from reelgate.errors import InvalidRequest
from reelgate.net.client import HttpClient
from reelgate.providers.registry import build_providers
from tests.providers.imagine_account import MODELS, TOKEN

PICTURE = (Reference(Kind.IMAGE, Role.FIRST_FRAME, "u"),)


@pytest.fixture
def models_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "models.toml"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGINE_TOKEN", TOKEN)
    monkeypatch.setenv("IMAGINE_MODELS_FILE", str(path))
    return path


def offered(http: HttpClient) -> dict[str, Model]:
    [imagine] = build_providers(http, load_settings(), SystemClock()).values()
    return {model.id: model for model in imagine.models}


def complaint() -> str:
    with pytest.raises(CliError) as caught:
        load_settings()
    return str(caught.value)


def test_a_file_adds_a_model_and_changes_another(http: HttpClient, models_file: Path) -> None:
    models_file.write_text(
        """\
[models.dream-1]
style_id = 777
aspect_ratios = ["16:9", "1:1"]
durations = [3, 8, "auto"]
resolutions = ["540p"]
input_reference = true
price = 12

[models."kling-2.6-pro"]
durations = [5]
""",
        "utf-8",
    )
    models = offered(http)
    assert models.keys() == MODELS.keys() | {"dream-1"}
    new = models["dream-1"].request(prompt="a cat")
    assert (new.duration, new.resolution, new.options["style_id"]) == (8, "540p", 777)
    assert models["dream-1"].takes_picture
    price = {"from": 12, "unit": "credits", "certainty": "configured"}
    assert models["dream-1"].capabilities()["price"].items() >= price.items()
    assert models["kling-2.6-pro"].durations == (5,)
    assert models["kling-2.6-pro"].aspect_ratios == MODELS["kling-2.6-pro"].aspect_ratios


def test_a_changed_model_keeps_only_defaults_that_it_takes(
    http: HttpClient, models_file: Path
) -> None:
    models_file.write_text(
        '[models.imagine-text-to-video]\ndurations = [3, 4]\nresolutions = ["480p"]\n', "utf-8"
    )
    changed = offered(http)["imagine-text-to-video"]
    assert (changed.default("duration"), changed.default("resolution")) == (4, "480p")
    assert changed.request(prompt="a", style_id=7).options["style_id"] == 7


MISTAKES = [
    ("[models.x]\nstyle_id = 0\n", 2, "style_id 0 is not allowed for x: it takes a whole number"),
    ("[models.x]\nstyle_id = true\n", 2, "style_id"),
    ("\n[models.x]\nprice = 3\n", 2, "x is a new model and needs its style_id"),
    ("[models.x]\nstyle_id = 1\n\ndurations = [5, 5]\n", 4, "whole seconds from 1 to 600"),
    ("[models.x]\nstyle_id = 1\ndurations = [\n  5,\n  true,\n]\n", 3, "durations"),
    ("[models.x]\nstyle_id = 1\ndurations = [[5], [6]]\n", 3, "durations"),
    ("[models.x]\nstyle_id = 1\naspect_ratios = ['wide']\n", 3, 'ratios such as "16:9"'),
    ("[models.x]\nstyle_id = 1\nresolutions = '720p'\n", 3, 'resolutions such as "720p"'),
    ("[models.x]\nstyle_id = 1\ninput_reference = 'yes'\n", 3, "true or false"),
    ("[models.x]\nstyle_id = 1\nduration = [5]\n", 3, "did you mean durations?"),
    ("[models.veo-3.1]\nprice = 5\n", 1, '[models."veo-3.1"]'),
    ("[models]\n\nx = 5\n", 3, "[models.x]"),
    ("[models]\nx = { style_id = -1 }\n", 2, "style_id -1"),
    ("# mine\nmodel = 1\n", 2, "[models.NAME]"),
    ("models = [1]\n", 1, "[models.NAME]"),
    ('[models."a/b"]\nstyle_id = 1\n', 1, "no model's name"),
    ("[models.x]\nstyle_id = \n", 2, "not valid TOML"),
    ("[models.x]\nstyle_id = 1\n[models.x]\n", 3, "not valid TOML"),
    ("models.x.style_id = 'a'\n", 1, "style_id"),
]


@pytest.mark.parametrize(("text", "line", "says"), MISTAKES)
def test_a_mistake_is_told_with_file_line_and_what_is_allowed(
    models_file: Path, text: str, line: int, says: str
) -> None:
    models_file.write_text(text, "utf-8")
    told = complaint()
    assert "IMAGINE_MODELS_FILE" in told
    assert str(models_file) in told
    assert f"line {line}" in told
    assert says in told


def test_every_mistake_is_told_at_once(models_file: Path) -> None:
    models_file.write_text("[models.x]\nstyle_id = 0\nprice = -1\n", "utf-8")
    told = complaint()
    assert "line 2" in told
    assert "line 3" in told


def test_a_file_that_cannot_be_read_is_told(models_file: Path) -> None:
    assert "cannot be read" in complaint()
    models_file.mkdir()
    assert "cannot be read" in complaint()
    models_file.rmdir()
    models_file.write_bytes(b"# fine\n# \xff\n")
    assert "line 2: it is not UTF-8" in complaint()


def test_seedance_2_5_is_there_only_with_its_style(
    http: HttpClient, models_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models_file.write_text("", "utf-8")
    assert "seedance-2.5" not in offered(http)
    monkeypatch.setenv("IMAGINE_SEEDANCE_2_5_STYLE_ID", "4711")
    model = offered(http)["seedance-2.5"]
    assert model.request(prompt="a cat").options["style_id"] == 4711
    assert model.durations == tuple(range(4, 31))
    assert model.request(prompt="a cat", references=PICTURE).aspect_ratio == "adaptive"
    with pytest.raises(InvalidRequest, match="use adaptive, or leave it out"):
        model.request(prompt="a cat", references=PICTURE, aspect_ratio="16:9")


def test_a_wrong_style_of_seedance_2_5_is_refused(
    models_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models_file.write_text("", "utf-8")
    monkeypatch.setenv("IMAGINE_SEEDANCE_2_5_STYLE_ID", "two")
    assert "IMAGINE_SEEDANCE_2_5_STYLE_ID" in complaint()


def test_prices_say_unit_and_certainty_and_nothing_where_nobody_tells() -> None:
    assert MODELS["veo-3.1"].capabilities()["price"] == {
        "from": 900,
        "unit": "credits",
        "certainty": "seen",
        "rates": [{"amount": 900, "per": "video", "when": {"duration": 4, "resolution": "720p"}}],
    }
    assert MODELS["pixverse-v6"].capabilities()["price"] is None
