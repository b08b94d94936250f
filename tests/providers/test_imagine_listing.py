"""Which of the account's finished jobs may be a lost submit's."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.clock import SystemClock
from reelgate.errors import UpstreamBadResponse, UpstreamError
from reelgate.net.client import HttpClient, HttpResponse
from reelgate.providers.base import Candidate, Match, can_reconcile
from reelgate.providers.imagine.listing import candidates, read_item, read_list
from reelgate.sandbox import Listing, Sandbox, SandboxOptions
from tests.providers.imagine_account import a_request, an_imagine

SENT_AT = 1_800_000_000.0
ASSETS = "https://asset.imagine.art/processed"
MARKER = "0b9d3c1e-0000-4000-8000-00000000000a"
SHOWN = {"prompt": "a cat", "created_at": SENT_AT + 3}

ITEMS: dict[str, tuple[dict[str, object], Match | None]] = {
    "the marker decides": (
        {"id": "x", "asset_metadata": {"placeholderUuid": MARKER}},
        Match.MARKER,
    ),
    "the marker in a text": (
        {"id": "x", "metadata": json.dumps({"placeholderUuid": MARKER})},
        Match.MARKER,
    ),
    "another's marker": ({"id": "x", **SHOWN, "metadata": {"placeholderUuid": "other"}}, None),
    "prompt and time": ({"id": "x", **SHOWN}, Match.LIKENESS),
    "time in milliseconds": ({"id": "x", **SHOWN, "created_at": SENT_AT * 1e3}, Match.LIKENESS),
    "time as a text": (
        {"id": "x", "prompt": "a cat", "createdAt": "2027-01-15T08:00:00Z"},
        Match.LIKENESS,
    ),
    "no time": ({"id": "x", "prompt": "a cat"}, Match.HINT),
    "no prompt": ({"id": "x", "created_at": SENT_AT}, None),
    "another prompt": ({"id": "x", **SHOWN, "prompt": "a dog"}, None),
    "an hour earlier": ({"id": "x", **SHOWN, "created_at": SENT_AT - 3600}, None),
    "an hour later": ({"id": "x", **SHOWN, "created_at": SENT_AT + 3600}, None),
    "another length": ({"id": "x", **SHOWN, "asset_metadata": {"duration": 6}}, None),
    "the same settings": (
        {"id": "x", **SHOWN, "asset_metadata": {"duration": "5", "aspectRatio": "16:9"}},
        Match.LIKENESS,
    ),
    "the id in the address": ({**SHOWN, "url": {"processed": [f"{ASSETS}/x?a=b"]}}, Match.LIKENESS),
    "no id": ({**SHOWN, "url": {"processed": ["https://elsewhere.example/x"]}}, None),
}


@pytest.mark.parametrize("name", ITEMS)
def test_a_listed_job_counts_by_what_it_tells(name: str) -> None:
    item, expected = ITEMS[name]
    job = read_item(item, ASSETS)
    found = candidates([job] if job else [], a_request(duration=5), SENT_AT, MARKER)
    assert [each.match for each in found] == ([] if expected is None else [expected])
    assert all(each.submission.provider_id == "x" for each in found)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(list("ab") + list(SHOWN)), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_stands_in_the_list_is_read_or_refused(value: object) -> None:
    with suppress(UpstreamBadResponse):
        read_list(HttpResponse(200, {}, json.dumps({"assets": value}).encode()), ASSETS)


@pytest.mark.parametrize(
    ("listing", "match"), [("markers", Match.MARKER), ("plain", Match.LIKENESS)]
)
async def test_a_submit_is_found_in_the_list_once_it_is_finished(
    listing: Listing, match: Match
) -> None:
    async with (
        Sandbox(SandboxOptions(speed=10_000, max_short_side_px=64, listing=listing)) as sandbox,
        HttpClient(max_connections=10, clock=SystemClock()) as http,
    ):
        provider = an_imagine(http, sandbox.url)
        assert can_reconcile(provider)
        request, sent_at = a_request(duration=5, resolution="720p"), time.time()
        submission = await provider.submit(request, marker=MARKER)
        found: list[Candidate] = []
        async with asyncio.timeout(100):
            while not found:
                found = list(await provider.reconcile(request, sent_at, marker=MARKER))
        [candidate] = found
        assert (candidate.submission.provider_id, candidate.match) == (
            submission.provider_id,
            match,
        )
        others = await provider.reconcile(a_request("a dog"), sent_at, marker="another")
        assert list(others) == []


async def test_an_account_without_a_list_says_so_for_good() -> None:
    async with (
        Sandbox(SandboxOptions(listing="off")) as sandbox,
        HttpClient(max_connections=10, clock=SystemClock()) as http,
    ):
        with pytest.raises(UpstreamError) as caught:
            await an_imagine(http, sandbox.url).reconcile(a_request(), SENT_AT)
    assert not caught.value.temporary
