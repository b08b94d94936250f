"""A gateway that once had a key is never open again by itself."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reelgate.db.api_keys import ApiKeys
from reelgate.db.database import Database
from reelgate.domain.api_keys import (
    Allowance,
    ApiKey,
    KeyStanding,
    digest_of,
    new_key_id,
    new_secret,
)
from tests.cli.program import Home
from tests.gateway import Gateway, a_gateway, a_prompt, until

from .test_api_keys import a_key, create, keys


def revoke_all(data_dir: Path) -> str:
    """Revoke every key, as an operator does; what the last revocation printed on the way."""
    listed = keys(data_dir, "list").splitlines()
    return "".join(keys(data_dir, "revoke", line.split("\t")[0]) for line in listed)


async def status(gateway: Gateway, headers: dict[str, str] | None = None) -> int:
    return (await gateway.call("GET", "/v1/videos", headers=headers)).status


async def test_revoking_the_last_key_closes_a_gateway_that_runs_and_one_that_starts(
    tmp_path: Path,
) -> None:
    key = await a_key(tmp_path, "alice")
    async with a_gateway(tmp_path) as gateway:
        assert await status(gateway, key) == 200
        revoke_all(tmp_path)

        async def is_revoked() -> bool:
            return await status(gateway, key) == 401

        await until(is_revoked)
        reply = await gateway.call("GET", "/v1/videos")
        assert (reply.status, reply.code) == (401, "invalid_api_key")
        assert "REELGATE_ALLOW_OPEN=true" in reply.body["detail"]
        assert "reelgate keys create" in reply.body["detail"]
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    async with a_gateway(tmp_path) as gateway:
        assert (await status(gateway), await status(gateway, key)) == (401, 401)
    async with a_gateway(tmp_path, allow_open=True) as gateway:
        assert await status(gateway) == 200
    other = await a_key(tmp_path, "bob")
    async with a_gateway(tmp_path) as gateway:
        assert (await status(gateway), await status(gateway, other)) == (401, 200)


async def test_a_video_made_with_a_key_shows_that_there_was_one(tmp_path: Path) -> None:
    """Before revoked keys were kept, nothing else was left of them."""
    key = await a_key(tmp_path, "alice")
    async with a_gateway(tmp_path) as gateway:
        assert (await create(gateway, a_prompt(), key))[0] == 200
    with closing(sqlite3.connect(tmp_path / "reelgate.sqlite")) as database, database:
        database.execute("DELETE FROM api_keys")
    async with a_gateway(tmp_path) as gateway:
        assert await status(gateway) == 401


@pytest.mark.both_databases
async def test_a_revoked_secret_fits_nothing_and_is_revoked_once(database: Database) -> None:
    kept, secret = ApiKeys(database), new_secret()
    assert (await kept.known()).standing is KeyStanding.NEVER
    key = ApiKey(new_key_id(), "alice", Allowance(), 1.0)
    await kept.add(key, digest_of(secret))
    known = await kept.known()
    assert (known.by_digest, known.standing) == ({digest_of(secret): key}, KeyStanding.ACTIVE)
    assert await kept.revoke(key.id)
    assert not await kept.revoke(key.id)
    known = await kept.known()
    assert (known.by_digest, known.standing) == ({}, KeyStanding.REVOKED)


async def test_the_last_revocation_says_who_may_call_now(home: Home) -> None:
    await a_key(home.data, "alice")
    key_id = (await asyncio.to_thread(keys, home.data, "list")).split("\t")[0]
    told = (await asyncio.to_thread(home.run, "keys", "revoke", key_id)).err
    assert "nobody may call" in told
    assert "REELGATE_ALLOW_OPEN" in told
