"""`make demo` costs nothing, whatever account is configured."""

from __future__ import annotations

import pytest

from scripts.demo import environment


def test_a_demo_knows_no_account_and_no_other_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGINE_TOKEN", "a-token")
    monkeypatch.setenv("REELGATE_SERVER", "https://elsewhere.example")
    settings = {name for name in environment() if name.startswith(("IMAGINE_", "REELGATE_"))}
    assert settings == {"REELGATE_DATA_DIR"}
