"""Requests to one upstream account, counted by all processes together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reelgate.limits.rate import RequestLimit
from reelgate.runtime.deployment import open_deployment
from reelgate.settings import Settings
from tests.databases import databases


@pytest.mark.both_databases
async def test_what_one_process_sends_the_others_count(tmp_path: Path) -> None:
    url = databases.url_of(tmp_path)
    settings = Settings.model_validate(
        {"_env_file": None, "data_dir": tmp_path, "database_url": url}
    )
    limit = RequestLimit.of_upstream(50)
    async with open_deployment(settings) as one:
        if not settings.shares_database:
            rates = [await one.upstream_rates.take("a", limit) for _ in range(30)]
        else:
            async with open_deployment(settings) as other:
                both = (one, other)
                rates = await asyncio.gather(
                    *(both[n % 2].upstream_rates.take("a", limit) for n in range(30))
                )
        # Ten at once; should the machine be slow, a few more have become due.
        waits = [rate.wait_s for rate in rates]
        assert 10 <= waits.count(0.0) < 25
        assert all(wait_s <= limit.burst_s for wait_s in waits)
        assert (await one.upstream_rates.take("b", limit)).wait_s == 0.0
