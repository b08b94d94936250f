"""The list of videos: pages in both orders, and exactly as many as there are."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.gateway import Reply, a_prompt, until

from .jobs import NEVER, VIDEOS, JobsGateway, is_refused


async def made(gateway: JobsGateway, count: int, **fields: object) -> list[str]:
    """This many new videos' ids, oldest first."""
    return [(await gateway.created(a_prompt(NEVER), **fields))["id"] for _ in range(count)]


async def asked(gateway: JobsGateway, **query: object) -> Reply:
    return await gateway.call("GET", f"{VIDEOS}?{urlencode(query)}")


async def page(gateway: JobsGateway, **query: object) -> dict[str, Any]:
    reply = await asked(gateway, **query)
    assert reply.status == 200, reply
    return dict(reply.body)


def ids(listed: dict[str, Any]) -> list[str]:
    return [video["id"] for video in listed["data"]]


async def test_an_empty_list_is_a_list(gateway: JobsGateway) -> None:
    assert await page(gateway) == {
        "object": "list",
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


async def test_the_newest_come_first_unless_asked_otherwise(gateway: JobsGateway) -> None:
    videos = await made(gateway, 3)
    newest = await page(gateway)
    oldest = await page(gateway, order="asc")
    assert (ids(newest), newest["has_more"]) == (videos[::-1], False)
    assert (ids(oldest), oldest["has_more"]) == (videos, False)
    assert (newest["first_id"], newest["last_id"]) == (videos[2], videos[0])


async def test_a_listed_video_is_the_same_object(gateway: JobsGateway) -> None:
    """But for its polls, which a page of a hundred does without."""
    video = await gateway.finished()
    assert video["reelgate"]["timeline"].pop("polls")["count"] > 0
    [listed] = (await page(gateway))["data"]
    assert listed["reelgate"]["timeline"].pop("polls") is None
    assert listed == video


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_meet_without_gap_or_overlap(gateway: JobsGateway, order: str) -> None:
    videos = await made(gateway, 5)
    expected = videos if order == "asc" else videos[::-1]
    for limit in (1, 2, 5, 6):
        found: list[str] = []
        query: dict[str, object] = {"limit": limit, "order": order}
        while True:
            listed = await page(gateway, **query)
            found += ids(listed)
            if not listed["has_more"]:
                break
            assert len(ids(listed)) == limit
            query["after"] = listed["last_id"]
        assert found == expected


async def test_there_is_more_exactly_when_there_is(gateway: JobsGateway) -> None:
    videos = await made(gateway, 4)
    for limit, more in ((3, True), (4, False), (5, False)):
        assert (await page(gateway, limit=limit))["has_more"] is more
    last = await page(gateway, after=videos[0])
    assert (ids(last), last["has_more"]) == ([], False)


async def test_a_page_holds_20_unless_asked_otherwise(gateway: JobsGateway) -> None:
    await made(gateway, 21)
    listed = await page(gateway)
    assert (len(listed["data"]), listed["has_more"]) == (20, True)
    assert len((await page(gateway, limit=100))["data"]) == 21


async def test_a_video_that_is_made_meanwhile_moves_no_page(gateway: JobsGateway) -> None:
    videos = await made(gateway, 4)
    first = await page(gateway, limit=2)
    [newer] = await made(gateway, 1)
    second = await page(gateway, limit=2, after=first["last_id"])
    assert ids(first) + ids(second) == videos[::-1]
    assert not second["has_more"]
    oldest = await page(gateway, limit=4, order="asc")
    assert ids(await page(gateway, after=oldest["last_id"], order="asc")) == [newer]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "1.5", "", "9" * 30])
async def test_a_limit_out_of_range_is_refused(gateway: JobsGateway, limit: str) -> None:
    reply = await asked(gateway, limit=limit)
    assert is_refused(reply, 422, "invalid_request", "limit")


@pytest.mark.parametrize("name", ["order", "status"])
async def test_a_word_that_does_not_exist_is_refused(gateway: JobsGateway, name: str) -> None:
    reply = await asked(gateway, **{name: "newest"})
    assert is_refused(reply, 422, "invalid_request", name)


@pytest.mark.parametrize("after", ["video_0", "", "x" * 500, "video_\x00", "'; --"])
async def test_a_cursor_that_does_not_exist_is_refused(gateway: JobsGateway, after: str) -> None:
    await made(gateway, 1)
    reply = await asked(gateway, after=after)
    assert is_refused(reply, 404, "video_not_found", "after")


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_cursor_of_a_deleted_video_goes_on_where_it_stood(
    gateway: JobsGateway, order: str
) -> None:
    """`for video in videos.list(limit=2): delete(video)` reaches them all."""
    videos = await made(gateway, 5)
    seen: list[str] = []
    listed = await page(gateway, limit=2, order=order)
    while True:
        seen += ids(listed)
        for video_id in ids(listed):
            await gateway.call("DELETE", f"{VIDEOS}/{video_id}")
        if not listed["has_more"]:
            break
        listed = await page(gateway, limit=2, order=order, after=listed["last_id"])
    assert seen == (videos if order == "asc" else videos[::-1])


async def test_a_parameter_that_is_sent_twice_is_refused(gateway: JobsGateway) -> None:
    reply = await gateway.call("GET", f"{VIDEOS}?limit=1&order=asc&limit=2")
    assert is_refused(reply, 422, "invalid_request", "limit")
    path = f"{VIDEOS}/video_0/content?variant=video&variant=thumbnail"
    assert is_refused(await gateway.call("GET", path), 422, "invalid_request", "variant")


async def test_the_list_is_filtered_by_status_and_model(gateway: JobsGateway) -> None:
    finished = (await gateway.finished())["id"]
    failed = (await gateway.created(a_prompt("[[402]]")))["id"]
    await gateway.reached(failed, "failed")
    running = await made(gateway, 2)
    for video_id in running:
        await gateway.reached(video_id, "in_progress")
    other = (await gateway.created(a_prompt(NEVER), model="sora-2", size="854x480"))["id"]
    await gateway.reached(other, "in_progress")
    assert ids(await page(gateway, status="completed")) == [finished]
    assert ids(await page(gateway, status="failed")) == [failed]
    assert ids(await page(gateway, status="queued")) == []
    assert ids(await page(gateway, status="in_progress")) == [other, *running[::-1]]
    assert ids(await page(gateway, model="seedance-2.0")) == [other]
    assert ids(await page(gateway, model="sora-2")) == [other]
    assert ids(await page(gateway, model="no-such-model")) == []
    narrow = await page(gateway, status="in_progress", model="imagine-text-to-video", limit=1)
    assert (ids(narrow), narrow["has_more"]) == ([running[1]], True)


async def test_the_timeline_tells_when_a_job_was_polled_and_what_that_showed(
    gateway: JobsGateway,
) -> None:
    """Also one that was cancelled, by somebody who polls nothing."""
    trouble = "[[status-429 retry-after=0 times=1]] [[status-500 times=1]]"
    running = (await gateway.created(a_prompt(f"{NEVER} {trouble}")))["id"]
    video = await gateway.finished()
    timeline = video["reelgate"]["timeline"]
    polls = timeline["polls"]["data"]
    assert timeline["polls"]["count"] == len(polls)
    moments = [timeline["submitted_at"], *(each["at"] for each in polls), timeline["ready_at"]]
    assert moments == sorted(moments)
    assert [each["outcome"] for each in polls][-1] == "ready"
    polled = {"not_ready", "rate_limited", "error"}

    async def has_been_polled() -> bool:
        job = (await gateway.show(running))["reelgate"]["provider_id"]
        seen = [row for row in await gateway.requests() if job and job in row["path"]]
        return len(seen) > 2 * len(polled)

    await until(has_been_polled)
    reply = await gateway.call("POST", f"{VIDEOS}/{running}/cancel")
    told = reply.body["reelgate"]["timeline"]["polls"]
    assert {each["outcome"] for each in told["data"]} == polled
    assert (await gateway.show(running))["reelgate"]["timeline"]["polls"] == told


@pytest.mark.both_databases
async def test_a_search_finds_the_prompts_that_hold_every_word(gateway: JobsGateway) -> None:
    prompts = [
        "A red KITE over Dover",
        "a kite",
        "100% wind_mill",
        "it's 'quoted' <b>",
        "ünïcode 🎬",
    ]
    made = {
        prompt: (await gateway.created(f"{prompt} {a_prompt(NEVER)}"))["id"] for prompt in prompts
    }
    for words, found in (
        ("kite", ["a kite", "A red KITE over Dover"]),
        ("dover red", ["A red KITE over Dover"]),
        ("%", ["100% wind_mill"]),
        ("d_m", ["100% wind_mill"]),
        ("'quoted' <b>", ["it's 'quoted' <b>"]),
        ("🎬 ünï", ["ünïcode 🎬"]),
        ("resolution", []),
        ("\x00", []),
    ):
        assert ids(await page(gateway, q=words)) == [made[each] for each in found], words
    assert ids(await page(gateway, q="kite", limit=1, after=made["a kite"])) == [
        made["A red KITE over Dover"]
    ]


@pytest.mark.both_databases
async def test_a_span_of_time_begins_with_its_first_moment(gateway: JobsGateway) -> None:
    first, last = await made(gateway, 2)
    timeline = (await gateway.call("GET", f"{VIDEOS}/{last}")).body["reelgate"]["timeline"]
    at = timeline["created_at"]
    assert ids(await page(gateway, created_after=at)) == [last]
    assert ids(await page(gateway, created_before=at)) == [first]
    assert ids(await page(gateway, created_after=at - 3600, created_before=at + 1)) == [last, first]
    assert ids(await page(gateway, created_after=at + 7200)) == []
    refused = await asked(gateway, created_after="nan")
    assert is_refused(refused, 422, "invalid_request", "created_after")
