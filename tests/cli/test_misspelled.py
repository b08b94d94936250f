"""A mistyped setting is told, with the one that is probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelgate.cli.config import known_variables, misspelled

from .program import Home


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("REELGATE_MAX_INFLIGHT", "REELGATE_MAX_IN_FLIGHT"),
        ("REELGATE_MAXSUBMITS", "REELGATE_MAX_SUBMITS"),
        ("REELGATE_DATABASE", "REELGATE_DATABASE_URL"),
        ("REELGATE_JOB_TIMEOUT", "REELGATE_JOB_TIMEOUT_S"),
        ("REELGATE_WEBHOOK_SECERT", "REELGATE_WEBHOOK_SECRET"),
        ("REELGATE_IMAGINE_TOKEN", "IMAGINE_TOKEN"),
        ("IMAGINE_TOKN", "IMAGINE_TOKEN"),
        ("IMAGINE_ORGID", "IMAGINE_ORG_ID"),
        ("IMAGEINE_TOKEN", "IMAGINE_TOKEN"),
        ("RELGATE_DATA_DIR", "REELGATE_DATA_DIR"),
        ("reelgate_prot", "REELGATE_PORT"),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_typo_is_told_what_is_meant(
    typed: str, meant: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file = tmp_path / ".env"
    if place == ".env":
        env_file.write_text(f"export {typed}='a secret'\n")
    else:
        monkeypatch.setenv(typed, "a secret")
    [sentence] = misspelled(env_file)
    assert typed in sentence
    assert (str(env_file) in sentence) == (place == ".env")
    assert f"did you mean {meant}?" in sentence
    assert "secret'" not in sentence


def test_a_name_like_nothing_we_know_is_told_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_FROBNICATE", "1")
    [sentence] = misspelled(Path("missing"))
    assert "REELGATE_FROBNICATE is not a setting" in sentence


def test_what_is_read_and_what_is_not_meant_for_us_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_kubernetes = {"REELGATE_SERVICE_HOST", "REELGATE_PORT_8000_TCP_ADDR"}
    of_others = {"PATH", "IMAGE_TAG", "POSTGRES_PASSWORD", "S3_TOKEN", "REELGATE_TEST_REQUIRE"}
    for name in known_variables() | of_kubernetes | of_others:
        monkeypatch.setenv(name, "1")
    assert list(misspelled(Path("missing"))) == []


def test_a_command_tells_it_once_and_goes_on(home: Home) -> None:
    (home.folder / ".env").write_text("REELGATE_MAX_INFLIGHT=3\n")
    ran = home.run("keys", "list")
    assert ran.code == 0
    assert ran.err.count("did you mean REELGATE_MAX_IN_FLIGHT?") == 1
