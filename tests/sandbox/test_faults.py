from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from reelgate.sandbox.faults import FAULTS, TABLE

from .sandbox_caller import Caller, calling, until

ERRORS = tuple(fault.name for fault in TABLE if fault.status >= 400)
Check = Callable[[Caller], Awaitable[None]]


async def submit_raw(caller: Caller, prompt: str) -> tuple[int, str, str]:
    async with caller.post_submit(prompt) as response:
        return response.status, response.content_type, await response.text()


def accepted(caller: Caller) -> int:
    return len(caller.sandbox.jobs)


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_answers_with_its_status_and_accepts_nothing(name: str) -> None:
    async with calling() as caller:
        status, kind, text = await submit_raw(caller, f"a cat [[{name}]]")
        assert (status, kind) == (int(name), "application/json")
        assert json.loads(text)["message"]
        assert accepted(caller) == 0


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_can_come_although_the_job_was_accepted(name: str) -> None:
    async with calling() as caller:
        status, _, _ = await submit_raw(caller, f"a cat [[{name} accepted=1]]")
        assert (status, accepted(caller)) == (int(name), 1)


async def test_429_says_when_to_come_back_only_if_asked() -> None:
    async with calling() as caller:
        async with caller.post_submit("a [[429 retry-after=2]]") as response:
            assert response.headers["Retry-After"] == "2"
        async with caller.post_submit("a [[429]]") as response:
            assert "Retry-After" not in response.headers


async def test_times_counts_for_each_prompt_by_itself() -> None:
    async with calling() as caller:
        for prompt in ("a [[429 times=2]]", "b [[429 times=2]]"):
            statuses = [(await submit_raw(caller, prompt))[0] for _ in range(4)]
            assert statuses == [429, 429, 200, 200]


async def test_a_rejected_parent_says_so() -> None:
    async with calling() as caller:
        _, _, text = await submit_raw(caller, "a [[403]]")
        assert json.loads(text)["message"] == "user does not have access to parent asset"


async def html(caller: Caller) -> None:
    assert (await submit_raw(caller, "a [[html]]"))[:2] == (200, "text/html")
    assert accepted(caller) == 0


async def reset_before(caller: Caller) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await submit_raw(caller, "a [[reset-before]]")
    assert accepted(caller) == 0
    (recorded,) = (await caller.record(operation="submit"))["data"]
    assert (recorded["outcome"], recorded["status"]) == ("refused", None)


async def reset_after(caller: Caller) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await submit_raw(caller, "a [[reset-after]]")
    assert accepted(caller) == 1
    (recorded,) = (await caller.record(operation="submit"))["data"]
    assert (recorded["outcome"], recorded["status"]) == ("accepted", None)


async def cut_off(caller: Caller) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await submit_raw(caller, "a [[cut-off]]")
    assert accepted(caller) == 1


async def late(caller: Caller) -> None:
    impatient = aiohttp.ClientTimeout(total=0.2)
    async with aiohttp.ClientSession(headers=caller.session.headers, timeout=impatient) as session:
        with pytest.raises(TimeoutError):
            await submit_raw(Caller(caller.sandbox, session), "a [[late after=20]]")
    assert accepted(caller) == 1
    assert (await submit_raw(caller, "a [[late after=0.01]]"))[0] == 200


async def slow_bytes(caller: Caller) -> None:
    job_id = await caller.ready(await caller.submit("a [[slow-bytes rate=1000]]"))
    async with caller.session.get(f"{caller.url}/processed/{job_id}") as response:
        first = await response.content.readany()
        assert 0 < len(first) < int(response.headers["Content-Length"])


async def compressed(caller: Caller) -> None:
    job_id = await caller.ready(await caller.submit("a [[gzip]]"))
    async with caller.session.get(f"{caller.url}/processed/{job_id}") as response:
        body = await response.read()
        assert response.headers["Content-Encoding"] == "gzip"
        assert body[4:8] == b"ftyp"
        assert len(body) != int(response.headers["Content-Length"])


async def octet_stream(caller: Caller) -> None:
    job_id = await caller.ready(await caller.submit("a [[octet-stream]]"))
    async with caller.session.get(f"{caller.url}/processed/{job_id}") as response:
        assert response.content_type == "application/octet-stream"
        assert (await response.read())[4:8] == b"ftyp"


async def redirect(caller: Caller) -> None:
    job_id = await caller.ready(await caller.submit("a [[download-redirect]]"))
    url = f"{caller.url}/processed/{job_id}"
    async with caller.session.get(url, allow_redirects=False) as response:
        assert response.status == 302
        assert "://localhost:" in response.headers["Location"]
    assert (await caller.fetch(job_id))[4:8] == b"ftyp"


async def no_id(caller: Caller) -> None:
    answer = json.loads((await submit_raw(caller, "a [[no-id]]"))[2])
    assert set(answer) == {"batchId", "cost", "status"}
    assert accepted(caller) == 1


async def no_batch(caller: Caller) -> None:
    answer = json.loads((await submit_raw(caller, "a [[no-batch]]"))[2])
    assert set(answer) == {"id", "cost", "status"}


async def array(caller: Caller) -> None:
    (answer,) = json.loads((await submit_raw(caller, "a [[array]]"))[2])
    assert set(answer) == {"batchId", "id", "cost", "status"}


async def never(caller: Caller) -> None:
    never_id = await caller.submit("a [[never]]")
    await caller.ready(await caller.submit("b"))
    assert await caller.head(never_id) == 404
    assert (await caller.status(never_id))["status"] == "generating"


async def fail(caller: Caller) -> None:
    job_id = await caller.submit("a [[fail after=0.3]]")
    assert (await caller.status(job_id))["status"] == "generating"

    async def failed() -> bool:
        return bool((await caller.status(job_id))["status"] == "failed")

    await until(failed)
    assert await caller.head(job_id) == 404


async def ready(caller: Caller) -> None:
    await caller.submit("a [[ready after=1.5]]")
    (job,) = caller.sandbox.jobs
    assert job.ready_at == pytest.approx(job.accepted_at + 1.5)


async def card(caller: Caller) -> None:
    await caller.ready(await caller.submit("a [[card]] [[ready after=0]]"))
    (job,) = caller.sandbox.jobs
    assert (job.clip.duration_s, job.clip.is_still) == (1, True)


async def moved(caller: Caller) -> None:
    job_id = await caller.submit("a [[moved]] [[ready after=0]]")

    async def told() -> list[str]:
        assets = (await caller.status(job_id))["assets"]
        return list(assets[0]["url"]["generation"]) if assets else []

    async def is_told() -> bool:
        return bool(await told())

    await until(is_told)
    [address] = await told()
    async with caller.session.head(f"{caller.url}/processed/{job_id}") as response:
        assert response.status == 404
    headers = {"Authorization": "Bearer any"}
    async with caller.session.get(address, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "video/mp4")


async def not_ready_403(caller: Caller) -> None:
    job_id = await caller.submit("a [[not-ready-403]] [[ready after=0.3]]")
    assert await caller.head(job_id) == 403
    await caller.ready(job_id)


async def odd(caller: Caller) -> None:
    answer = json.loads((await submit_raw(caller, "a [[odd]]"))[2])
    assert answer["cost"] == 2**63
    assert accepted(caller) == 1
    for value in ("id-long", "id-number"):
        odd_id = str(await submitted_id(caller, f"a [[odd value={value}]] [[ready]]"))
        await caller.ready(odd_id)
        assert (await caller.status(odd_id))["status"] == "finished"


async def submitted_id(caller: Caller, prompt: str) -> object:
    return json.loads((await submit_raw(caller, prompt))[2])["id"]


async def front(caller: Caller) -> None:
    status, kind, text = await submit_raw(caller, "a [[front retry-after=3]]")
    assert (status, kind) == (503, "text/html")
    assert "nginx" in text
    assert accepted(caller) == 1
    status, _, text = await submit_raw(caller, "b [[front status=429 by=empty accepted=0]]")
    assert (status, text) == (429, "")
    assert accepted(caller) == 1


async def ends(caller: Caller) -> None:
    job_id = await caller.submit('a [[ends as=nsfw after=0 reason="It was flagged."]]')
    answer = await caller.status(job_id)
    assert (answer["status"], answer["assets"]) == ("nsfw", [])
    assert answer["errorMessage"] == "It was flagged."
    assert await caller.head(job_id) == 404


async def says(caller: Caller) -> None:
    job_id = await caller.submit("a [[says as=warming_up]] [[ready after=0.3]]")
    assert (await caller.status(job_id))["status"] == "warming_up"
    await caller.ready(job_id)
    assert (await caller.status(job_id))["status"] == "finished"


async def moderated(caller: Caller) -> None:
    prompt = "a [[moderated at=submit times=1]]"
    async with caller.post_submit(prompt) as response:
        assert response.status == 400
        assert "moderation" in (await response.json())["message"]
    await caller.submit(prompt)
    answer = await caller.status(await caller.submit("a [[moderated]]"))
    assert (answer["status"], "moderation" in answer["errorMessage"]) == ("failed", True)


CHECKS: dict[str, Check] = {
    "moderated": moderated,
    "odd": odd,
    "front": front,
    "ends": ends,
    "says": says,
    "html": html,
    "reset-before": reset_before,
    "reset-after": reset_after,
    "cut-off": cut_off,
    "late": late,
    "slow-bytes": slow_bytes,
    "gzip": compressed,
    "octet-stream": octet_stream,
    "redirect": redirect,
    "no-id": no_id,
    "no-batch": no_batch,
    "array": array,
    "never": never,
    "fail": fail,
    "ready": ready,
    "card": card,
    "moved": moved,
    "not-ready-403": not_ready_403,
}


@pytest.mark.parametrize("name", CHECKS)
async def test_a_fault_does_what_the_table_says(name: str) -> None:
    async with calling() as caller:
        await CHECKS[name](caller)


OF_OTHER_VENDORS = {"expires", "forgotten", "rotates"}
"""Tried with each of them in tests/providers/contract."""


def test_every_fault_of_the_table_is_tried_here() -> None:
    assert set(FAULTS) == {*ERRORS, *CHECKS, *OF_OTHER_VENDORS}


async def test_polls_can_have_faults_too() -> None:
    async with calling() as caller:
        job_id = await caller.submit("a [[status-503 times=2]] [[asset-html times=1]]")
        statuses = [(await caller.status(job_id))["code"] for _ in range(3)]
        assert statuses == [503, 503, 200]
        async with caller.session.get(f"{caller.url}/processed/{job_id}") as response:
            assert (response.status, response.content_type) == (200, "text/html")
        await caller.ready(job_id)


async def test_a_download_can_end_in_the_middle_while_heads_stay_honest() -> None:
    async with calling() as caller:
        job_id = await caller.ready(await caller.submit("a [[asset-cut-off times=1]]"))
        with pytest.raises(aiohttp.ClientPayloadError):
            await caller.fetch(job_id)
        assert (await caller.fetch(job_id))[4:8] == b"ftyp"


async def test_head_and_download_of_a_finished_video_have_separate_faults() -> None:
    async with calling() as caller:
        job_id = await caller.submit("a [[head-405]] [[download-404 times=1]]")

        async def is_refused() -> bool:
            return await caller.head(job_id) == 405

        await until(is_refused)
        async with caller.session.get(f"{caller.url}/processed/{job_id}") as response:
            assert response.status == 404
        assert (await caller.fetch(job_id))[4:8] == b"ftyp"


async def test_a_fault_applies_for_some_seconds_from_its_first_use() -> None:
    async with calling() as caller:
        job_id = await caller.ready(await caller.submit("a [[download-503 for=0.3]]"))
        (job,) = caller.sandbox.jobs
        assert [str(rule) for rule in job.rules] == ["download-503 accepted=0 for=0.3"]
        statuses = set()

        async def is_served() -> bool:
            async with caller.session.get(f"{caller.url}/processed/{job_id}") as response:
                statuses.add(response.status)
                return response.status == 200

        await until(is_served)
        assert statuses == {503, 200}


async def test_an_armed_fault_applies_to_any_prompt_as_often_as_asked() -> None:
    async with calling() as caller:
        assert await caller.arm("503", operation="submit", times=2, **{"retry-after": 1}) == 201
        statuses = [(await submit_raw(caller, f"prompt {n}"))[0] for n in range(3)]
        assert statuses == [503, 503, 200]


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        ("refresh", "POST", "/auth/auth/other/refresh/web"),
        ("credit", "GET", "/v1/credit?org_id=o"),
        ("org", "GET", "/team/org"),
        ("folders", "GET", "/team/org/asset/?org_id=o&is_personal=true"),
    ],
)
async def test_every_operation_can_have_faults(operation: str, method: str, path: str) -> None:
    async with calling() as caller:
        await caller.arm("500", operation=operation, times=1)
        for expected in (500, 200):
            async with caller.session.request(method, caller.url + path) as response:
                assert response.status == expected


async def test_an_armed_fault_shapes_the_next_job() -> None:
    async with calling() as caller:
        await caller.arm("never", times=1)
        await caller.submit("a")
        await caller.submit("b")
        assert [job.ready_at is None for job in caller.sandbox.jobs] == [True, False]


async def test_disarming_ends_all_armed_faults() -> None:
    async with calling() as caller:
        await caller.arm("500")
        url = f"{caller.url}/_sandbox/faults"
        async with caller.session.get(url) as response:
            state = await response.json()
        assert [armed["fault"] for armed in state["armed"]] == ["500"]
        assert {row["fault"] for row in state["faults"]} == set(FAULTS)
        async with caller.session.delete(url) as response:
            assert response.status == 204
        assert (await submit_raw(caller, "a"))[0] == 200


async def test_credits_and_token_are_set_by_control() -> None:
    async with calling() as caller:
        url = f"{caller.url}/_sandbox/account"
        async with caller.session.put(url, json={"credits": 0}) as response:
            assert await response.json() == {"credits": 0}
        assert (await submit_raw(caller, "a"))[0] == 402
        async with caller.session.put(url, json={"token": "new"}) as response:
            assert response.status == 200
        assert (await submit_raw(caller, "a"))[0] == 401
        for wrong in ({"name": "x"}, {"credits": "many"}, {"token": 5}):
            async with caller.session.put(url, json=wrong) as response:
                assert response.status == 400


@pytest.mark.parametrize(
    "directive",
    [
        "418",
        "wat",
        "",
        "429 soon",
        "429 after=1",
        "fail after=soon",
        "status-no-id",
        "never times=-1",
        "odd value=soup",
        "ends as='",
    ],
)
async def test_an_unknown_directive_is_refused_with_a_reason(directive: str) -> None:
    async with calling() as caller:
        status, _, text = await submit_raw(caller, f"a [[{directive}]]")
        assert status == 400
        assert json.loads(text)["message"]
        assert accepted(caller) == 0


async def test_the_control_endpoint_refuses_what_is_not_in_the_table() -> None:
    async with calling() as caller:
        assert await caller.arm("wat") == 400
        assert await caller.arm("no-id", operation="status") == 400
        async with caller.session.post(f"{caller.url}/_sandbox/faults", data=b"[") as response:
            assert response.status == 400


def test_the_documentation_has_every_fault_with_its_parameters() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for fault in TABLE:
        (row,) = [line for line in rows if f"`{fault.name}`" in line.split("|")[1]]
        assert all(f"`{parameter}=" in row for parameter in fault.defaults), fault.name
