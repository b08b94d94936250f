from __future__ import annotations

from pathlib import Path

import pytest

from reelgate.cli.listening import Access, banner, may_listen
from reelgate.domain.api_keys import KeyStanding
from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.settings import Settings
from tests.gateway import a_token

NOW_S = 1_800_000_000.0
URL = "http://127.0.0.1:8000"


def settings(token: str = "", **values: object) -> Settings:
    own = ImagineSettings.model_validate({"_env_file": None, "token": token})
    values = {"data_dir": Path("/data"), "providers": {"imagine": own}, **values}
    return Settings.model_validate(values)


@pytest.mark.parametrize(
    ("host", "has_keys", "allow_open", "access"),
    [
        ("127.0.0.1", False, False, Access.RESTRICTED),
        ("::1", False, False, Access.RESTRICTED),
        ("0.0.0.0", False, False, Access.FORBIDDEN),
        ("192.168.1.4", False, False, Access.FORBIDDEN),
        ("0.0.0.0", True, False, Access.RESTRICTED),
        ("0.0.0.0", False, True, Access.OPEN),
    ],
)
def test_without_keys_a_gateway_listens_on_loopback_only(
    host: str, has_keys: bool, allow_open: bool, access: Access
) -> None:
    asked = settings(host=host, allow_open=allow_open)
    assert may_listen(asked, has_keys=has_keys) is access


def said(
    asked: Settings,
    access: Access = Access.RESTRICTED,
    keys: KeyStanding = KeyStanding.NEVER,
) -> str:
    return "\n".join(line for line, _ in banner(asked, URL, access, keys, NOW_S))


def test_the_banner_of_a_sandbox_says_so() -> None:
    text = said(settings())
    assert "SANDBOX" in text
    for place in (URL, f"{URL}/docs", "/data", "curl"):
        assert place in text


@pytest.mark.parametrize(
    ("left_s", "words"),
    [
        (None, "does not tell when it expires"),
        (5 * 3600.0 + 90, "expires in 5 h 1 min"),
        (29 * 60.0, "expires in 29 min: get a new IMAGINE_TOKEN"),
        (-1.0, "EXPIRED"),
    ],
)
def test_the_banner_says_how_long_the_token_lives(left_s: float | None, words: str) -> None:
    token = a_token(userId="u") if left_s is None else a_token(userId="u", exp=NOW_S + left_s)
    text = said(settings(token))
    assert words in text
    assert token not in text
    assert "SANDBOX" not in text


def test_an_open_gateway_warns() -> None:
    assert "can spend your credits" in said(settings(), Access.OPEN)
    assert "can spend your credits" not in said(settings(), Access.RESTRICTED)


def test_the_banner_s_curl_brings_a_key_where_there_are_keys() -> None:
    placeholder = "-H 'Authorization: Bearer rg_...'"
    assert placeholder not in said(settings())
    assert placeholder in said(settings(), keys=KeyStanding.ACTIVE)
    closed = said(settings(), keys=KeyStanding.REVOKED)
    assert placeholder in closed
    assert "CLOSED" in closed
    opened = said(settings(allow_open=True), keys=KeyStanding.REVOKED)
    assert "CLOSED" not in opened
    assert placeholder not in opened
