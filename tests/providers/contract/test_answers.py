"""What no answer may do to an adapter, whatever shape it has and wherever it points."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from reelgate.errors import UpstreamBadResponse, UpstreamError
from reelgate.net.client import HttpResponse
from reelgate.providers.api import ApiProvider
from reelgate.providers.base import has_catalogue
from reelgate.providers.call import Call, Report
from reelgate.providers.payload import payload_of

from .conftest import Case

pytestmark = pytest.mark.asyncio(loop_scope="package")

ODD: tuple[object, ...] = (None, True, -1, float("nan"), "x", "\ud800", [], ["x"], {"x": 1})
"""In place of a part of an answer; one is half a character, which no address can hold."""
JOBS = ("[[never]]", "", "[[fail after=0]]", "[[moderated]]")


def adapter_of(vendor: Case) -> ApiProvider:
    assert isinstance(vendor.provider, ApiProvider)
    return vendor.provider


def with_odd_parts(value: object) -> Iterator[object]:
    """A JSON value with each of its parts replaced by each odd one."""
    yield from ODD
    if isinstance(value, dict):
        for key, part in value.items():
            yield from (value | {key: odd} for odd in with_odd_parts(part))
    elif isinstance(value, list) and value:
        yield from ([odd, *value[1:]] for odd in with_odd_parts(value[0]))


async def answers_of(adapter: ApiProvider, vendor: Case) -> list[HttpResponse]:
    """Real answers: to submits, polls, a cancel and a refusal."""
    answers = [await adapter._post(adapter.preview(vendor.request("[[400]]")))]
    for faults in JOBS:
        answers.append(await adapter._post(adapter.preview(vendor.request(faults))))
        made = (await adapter.submit(vendor.request(faults))).provider_id
        if faults != "[[never]]":
            await vendor.end_of(made)
        answers.append(await adapter._send(adapter.poll_call(made)))
        if cancel := adapter.cancel_call(made):
            answers.append(await adapter._send(cancel))
    return answers


def read_all(adapter: ApiProvider, response: HttpResponse) -> None:
    """Read an answer in every way in which the adapter reads any."""
    payload = payload_of(response)
    report = adapter.read_report(payload)
    assert isinstance(report, Report)
    assert isinstance(report.url, str)
    adapter.failed(report)
    adapter.id_of(payload)
    adapter.cost_in(payload)
    adapter.read_cancel(response)
    assert isinstance(adapter.refusal(response), UpstreamError)


async def test_no_part_of_an_answer_breaks_an_adapter(vendor: Case) -> None:
    adapter = adapter_of(vendor)
    for response in await answers_of(adapter, vendor):
        for changed in with_odd_parts(response.json()):
            body = json.dumps(changed).encode()
            read_all(adapter, HttpResponse(response.status, response.headers, body))


async def test_no_part_of_a_catalogue_breaks_an_adapter(vendor: Case) -> None:
    provider = vendor.provider
    if not has_catalogue(provider):
        return
    told = await provider.fetch_catalogue()
    for changed in with_odd_parts(told):
        provider.use_catalogue(json.loads(json.dumps(changed)))
        assert provider.models
    provider.use_catalogue(told)
    assert len(provider.models) > 1


async def test_the_key_goes_to_no_other_origin_whatever_an_answer_names(vendor: Case) -> None:
    adapter = adapter_of(vendor)
    own = adapter._origin
    for address in (
        "https://stranger.example/v.mp4",
        f"{own}.stranger.example/v.mp4",
        f"http://{own.removeprefix('http://')}@stranger.example/v.mp4",
        own.replace("http://", "https://"),
        "http://127.0.0.1:1/v.mp4",
        "http://",
    ):
        assert not adapter.key_opens(address), address
        with pytest.raises(UpstreamBadResponse):
            adapter._address(Call(path=address))
