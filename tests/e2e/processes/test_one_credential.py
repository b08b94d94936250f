"""One credential that ends again and again, used by two processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from reelgate.sandbox import Sandbox
from tests.databases import databases
from tests.gateway import TINY, a_prompt, a_token, an_account, callers
from tests.postgres import PostgresServer

from .fleet import Fleet, order

ROUNDS = 3
JOBS_A_ROUND = 18
TOKEN = a_token(userId="u", exp=4_000_000_000)
REFRESH = "a-refresh-token-of-nobody"


@pytest.mark.long
async def test_each_end_of_a_shared_credential_costs_one_refresh_and_no_job(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    options = replace(TINY, token=TOKEN, refresh_token=REFRESH)
    with databases.on(postgres_server):
        async with Sandbox(options) as sandbox, callers() as session:
            fleet = Fleet(tmp_path, sandbox.url, session)
            account = an_account(sandbox.url, TOKEN, refresh_token=REFRESH)
            grants = sandbox.provider.account.grants
            # One video for all: what is watched is not its rendering.
            prompt = a_prompt("[[ready after=0]]")
            try:
                own = {"providers": {"imagine": account}, "keep": "off"}
                two = [await fleet.start(**own) for _ in range(2)]
                for round_number in range(1, ROUNDS + 1):
                    await asyncio.gather(*(order(two[n % 2], prompt) for n in range(JOBS_A_ROUND)))
                    sandbox.provider.account.expire()
                    await asyncio.gather(*(order(gateway, prompt) for gateway in two))
                    await fleet.until_all_are("completed")
                    assert (grants.rotations, grants.reuses) == (round_number, 0)
            finally:
                await fleet.close()
            rows = fleet.rows()
            accepted = len(sandbox.jobs)
            told = str(rows) + (tmp_path / "log").read_text()
    assert accepted == len(rows) == ROUNDS * (JOBS_A_ROUND + 2)
    for secret in (TOKEN, REFRESH, *grants._sessions, *grants._spent):
        assert secret not in told
