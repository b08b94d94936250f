"""A first key by a setting, where nobody can run a command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reelgate.cli.config import load_settings
from reelgate.cli.exits import CliError
from reelgate.db.api_keys import ApiKeys
from reelgate.db.database import Database
from reelgate.domain.api_keys import BOOTSTRAP_ID, KeyStanding, digest_of, new_secret
from reelgate.sandbox import Sandbox
from tests.cli.program import Home, stop
from tests.gateway import TINY, Gateway, a_gateway, a_prompt

from .test_api_keys import create, keys


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def status(gateway: Gateway, secret: str = "") -> int:
    return (await gateway.call("GET", "/v1/videos", headers=bearer(secret))).status


async def test_the_key_works_at_once_and_after_restarts_and_a_new_one_takes_its_place(
    tmp_path: Path,
) -> None:
    first, second = new_secret(), new_secret()
    async with Sandbox(TINY) as sandbox:
        async with a_gateway(tmp_path, sandbox.url, bootstrap_key=first) as gateway:
            assert (await status(gateway), await status(gateway, first)) == (401, 200)
            assert (await create(gateway, a_prompt(), bearer(first)))[0] == 200
        for values in ({}, {"bootstrap_key": first}):
            async with a_gateway(tmp_path, sandbox.url, **values) as gateway:
                assert await status(gateway, first) == 200
        async with a_gateway(tmp_path, sandbox.url, bootstrap_key=f" {second}\n") as gateway:
            assert (await status(gateway, first), await status(gateway, second)) == (401, 200)
            listed = await gateway.call("GET", "/v1/videos", headers=bearer(second))
            assert len(listed.body["data"]) == 1
    file = (tmp_path / "reelgate.sqlite").read_bytes()
    assert first.encode() not in file
    assert second.encode() not in file


async def test_a_revoked_bootstrap_key_stays_revoked(tmp_path: Path) -> None:
    secret = new_secret()
    async with a_gateway(tmp_path, bootstrap_key=secret) as gateway:
        assert await status(gateway, secret) == 200
    keys(tmp_path, "revoke", BOOTSTRAP_ID)
    async with a_gateway(tmp_path, bootstrap_key=secret) as gateway:
        assert (await status(gateway, secret), await status(gateway)) == (401, 401)


@pytest.mark.both_databases
async def test_processes_that_start_at_once_keep_one_key(database: Database) -> None:
    kept, digest = ApiKeys(database), digest_of(new_secret())
    await asyncio.gather(*(kept.bootstrap(digest, 1.0) for _ in range(8)))
    known = await kept.known()
    assert [key.id for key in known.by_digest.values()] == [BOOTSTRAP_ID]
    assert await kept.revoke(BOOTSTRAP_ID)
    await kept.bootstrap(digest, 2.0)
    assert (await kept.known()).standing is KeyStanding.REVOKED
    other = digest_of(new_secret())
    await kept.bootstrap(other, 3.0)
    assert set((await kept.known()).by_digest) == {other}


def test_a_gateway_for_others_starts_with_it_and_never_shows_it(home: Home) -> None:
    secret = new_secret()
    with home.start(
        "serve", "--host", "0.0.0.0", "--port", "0", REELGATE_BOOTSTRAP_KEY=secret
    ) as process:
        home.address(process)
        ended = stop(process)
    assert ended.code == 0
    assert secret not in ended.err + ended.out
    assert "Authorization: Bearer rg_..." in ended.err
    assert "OPEN" not in ended.err


BAD = (
    "changeme",
    "rg_short",
    "rg_" + "changeme" * 8,
    "sk-" + "a1b2c3d4e5f6g7h8i9j0" * 3,
    "rg_" + "a1b2c3d4 e5f6g7h8i9j0k1l2m3n4o5p6",
    "rg_" + "ä1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7",
)


@pytest.mark.parametrize("secret", BAD)
def test_a_key_that_could_be_guessed_is_refused_with_a_way_to_make_one(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELGATE_BOOTSTRAP_KEY", secret)
    with pytest.raises(CliError) as refused:
        load_settings()
    assert "REELGATE_BOOTSTRAP_KEY" in str(refused.value)
    assert "openssl rand" in str(refused.value)
    assert secret not in str(refused.value)
