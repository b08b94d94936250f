from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.clock import SystemClock
from reelgate.errors import UpstreamError, UpstreamUnauthorized
from reelgate.providers.imagine.credentials import (
    Claims,
    TokenCredentials,
    clean_token,
    read_claims,
)
from tests.providers.imagine_account import NOW_S, TOKEN, StillClock, a_token, an_account


@pytest.mark.parametrize(
    "pasted",
    [
        TOKEN,
        f"  {TOKEN}\n",
        f"Bearer {TOKEN}",
        f"bearer  {TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        f'"{TOKEN}"',
        f"'Bearer {TOKEN}'",
        f"{TOKEN[:40]}\n  {TOKEN[40:]}",
    ],
)
async def test_a_sloppy_paste_is_cleaned_up(pasted: str) -> None:
    assert await TokenCredentials(pasted, SystemClock()).bearer() == TOKEN


@pytest.mark.parametrize("pasted", ["", "   ", "Bearer ", "bearer", '""', "\n"])
async def test_an_empty_paste_is_no_token(pasted: str) -> None:
    credentials = TokenCredentials(pasted, SystemClock())
    with pytest.raises(UpstreamUnauthorized, match="IMAGINE_TOKEN"):
        await credentials.bearer()


@pytest.mark.parametrize("pasted", ["tök", "a\x00b", "…", "a\x7fb"])
async def test_a_mangled_token_is_never_sent(pasted: str) -> None:
    with pytest.raises(UpstreamUnauthorized, match="IMAGINE_TOKEN") as caught:
        await TokenCredentials(pasted, SystemClock()).bearer()
    assert pasted not in str(caught.value)


async def test_a_dead_token_says_when_it_died_and_what_to_renew() -> None:
    clock = StillClock()
    credentials = TokenCredentials(a_token(exp=NOW_S + 60), clock)
    assert credentials.expires_in_s() == 60
    assert credentials.expires_at_s == NOW_S + 60
    assert await credentials.bearer()
    clock.now_s += 61
    with pytest.raises(UpstreamUnauthorized, match=r"2027-01-15 08:01 UTC.*IMAGINE_TOKEN"):
        await credentials.bearer()


@pytest.mark.parametrize("token", ["opaque-token", "a.b.c", "..", a_token(), a_token(exp="soon")])
async def test_a_token_that_tells_no_expiry_is_taken_as_it_is(token: str) -> None:
    credentials = TokenCredentials(token, SystemClock())
    assert credentials.expires_in_s() is None
    assert await credentials.bearer() == token


@pytest.mark.parametrize("exp", [1e300, 10**400])
async def test_a_token_that_dies_absurdly_late_lives(exp: float) -> None:
    assert await TokenCredentials(a_token(exp=exp), SystemClock()).bearer()


@pytest.mark.parametrize("exp", [-1e300, -1, 0])
async def test_a_token_that_died_absurdly_early_is_dead(exp: float) -> None:
    with pytest.raises(UpstreamUnauthorized, match="expired at"):
        await TokenCredentials(a_token(exp=exp), SystemClock()).bearer()


@given(st.text())
def test_any_text_can_be_pasted(pasted: str) -> None:
    assert isinstance(read_claims(clean_token(pasted)), Claims)


def test_the_organisation_falls_back_on_the_tokens_owner() -> None:
    assert an_account(a_token(userId="u", sub="s"), org_id="o").organisation() == "o"
    assert an_account(a_token(userId="u", sub="s"), org_id=" ").organisation() == "u"
    assert an_account(a_token(sub="s"), org_id="").organisation() == "s"


@pytest.mark.parametrize("token", ["opaque", a_token(sub=7), a_token(sub=["s"])])
def test_without_any_organisation_the_variable_to_set_is_named(token: str) -> None:
    with pytest.raises(UpstreamError, match="IMAGINE_ORG_ID") as caught:
        an_account(token, org_id="").organisation()
    assert caught.value.surely_refused


def test_the_token_hides_in_reprs() -> None:
    account = an_account()
    for text in (repr(account), str(account), repr(account.credentials)):
        assert TOKEN not in text
        assert TOKEN.split(".")[1] not in text


def test_a_token_is_hidden_in_a_text_that_echoes_it() -> None:
    credentials = TokenCredentials("short", SystemClock())
    assert credentials.hide("you sent short!") == "you sent ***!"
    assert TokenCredentials("", SystemClock()).hide("text") == "text"
