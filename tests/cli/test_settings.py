from __future__ import annotations

import pytest

from reelgate.cli.config import load_settings
from reelgate.cli.exits import CliError, ExitCode

from .program import Home

ACCEPTED = {"IMAGINE_TOKEN": "eyJhbGciOi.never-shown.x"}


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("PORT", "eighty", "integer"),
        ("REELGATE_PORT", "70000", "65535"),
        ("REELGATE_PORT", "tcp://10.0.0.7:8000", "enableServiceLinks: false"),
        ("REELGATE_LOG_LEVEL", "loud", "'warning'"),
        ("REELGATE_ALLOW_OPEN", "perhaps", "boolean"),
        ("IMAGINE_API_URL", "ftp://example.org", "https://"),
        ("REELGATE_SANDBOX_SPEED", "0", "greater than 0"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(
    variable: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PORT", "REELGATE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    with pytest.raises(CliError) as refused:
        load_settings()
    assert refused.value.exit_code is ExitCode.USAGE
    assert f"{variable}={value}" in refused.value.message
    assert allowed in refused.value.message


def test_an_option_goes_before_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "8123")
    assert load_settings(port=None).port == 8123
    assert load_settings(port=9001).port == 9001


def test_wrong_settings_end_a_command_with_2_and_no_traceback(home: Home) -> None:
    refused = home.run("videos", "list", REELGATE_WAIT_LIMIT_S="soon", **ACCEPTED)
    assert refused.code == ExitCode.USAGE
    assert "REELGATE_WAIT_LIMIT_S=soon" in refused.err
    assert "Traceback" not in refused.err
    assert "never-shown" not in refused.err


def test_without_a_token_and_with_the_sandbox_off_the_token_is_asked_for(home: Home) -> None:
    refused = home.run("generate", "A cat", REELGATE_SANDBOX="off")
    assert refused.code == ExitCode.CREDENTIALS
    assert "IMAGINE_TOKEN" in refused.err
