"""Two upstream accounts at work at once, each a stand-in of its own behind real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reelgate.providers.imagine.settings import ImagineSettings
from reelgate.providers.imagine_key.adapter import ImagineKeySettings
from reelgate.sandbox import Sandbox
from reelgate.sandbox.fault_rule import make_rule
from reelgate.sandbox.recorder import Outcome
from tests.gateway import (
    SHORT,
    TINY,
    Gateway,
    a_gateway,
    a_prompt,
    a_token,
    an_account,
    soon,
    until,
)

MODEL = "imagine-text-to-video"
TOKEN = a_token(userId="u")
FIVE_SECONDS = {"seconds": "5", "size": "1280x720"}


@asynccontextmanager
async def two_accounts(
    tmp_path: Path, **limits: object
) -> AsyncIterator[tuple[Gateway, Sandbox, Sandbox]]:
    """A gateway with an account at each of two stand-ins; `limits` are the first one's."""
    async with Sandbox(TINY) as north, Sandbox(TINY) as south:
        accounts = {
            "north": an_account(north.url, TOKEN, **limits),
            "south": an_account(south.url, TOKEN),
        }
        async with a_gateway(tmp_path, north.url, providers=accounts) as gateway:
            yield gateway, north, south


async def make(gateway: Gateway, model: str, prompt: str) -> str:
    """The id of a finished video."""
    reply = await gateway.call("POST", f"/v1/{model}/generations", json={"prompt": prompt, **SHORT})
    assert reply.status == 200, reply.text
    return str(reply.body["id"])


async def submit(gateway: Gateway, model: str, prompt: str, sandbox: Sandbox) -> str:
    """The id of a video that the stand-in has been sent.

    Its end is not waited for: an account that is taken for real is polled in real seconds.
    """
    body = {"model": model, "prompt": prompt, **FIVE_SECONDS}
    reply = await gateway.call("POST", "/v1/videos", json=body)
    assert reply.status == 200, reply.text
    await until(lambda: gateway_was_sent(sandbox, prompt))
    return str(reply.body["id"])


def submitted_to(sandbox: Sandbox, prompt: str) -> int:
    """How many submits of a prompt a stand-in was sent."""
    sent = [entry for entry in sandbox.recorder if entry.operation == "submit"]
    return len([entry for entry in sent if entry.prompt == prompt])


@pytest.mark.both_databases
async def test_each_job_goes_to_its_own_account_and_no_other(tmp_path: Path) -> None:
    async with two_accounts(tmp_path) as (gateway, north, south):
        cold, warm = a_prompt(), a_prompt()
        await asyncio.gather(
            make(gateway, f"north/{MODEL}", cold), make(gateway, f"south/{MODEL}", warm)
        )
        assert (submitted_to(north, cold), submitted_to(south, cold)) == (1, 0)
        assert (submitted_to(north, warm), submitted_to(south, warm)) == (0, 1)
        for prompt, name, asked in ((cold, "north", north), (warm, "south", south)):
            [row] = gateway.rows(prompt)
            assert row["provider"] == name
            polled = [entry.id for entry in asked.recorder if entry.operation == "status"]
            assert row["provider_id"] in polled
        of_north = {entry.id for entry in north.recorder if entry.operation == "status"}
        assert not of_north & {entry.id for entry in south.recorder if entry.operation == "status"}


async def test_the_same_request_to_another_account_is_another_job(tmp_path: Path) -> None:
    async with two_accounts(tmp_path) as (gateway, north, south):
        prompt = a_prompt()
        first = await submit(gateway, f"north/{MODEL}", prompt, north)
        second = await submit(gateway, f"south/{MODEL}", prompt, south)
        assert first != second
        assert submitted_to(north, prompt) == submitted_to(south, prompt) == 1


async def test_models_of_both_are_listed_by_their_full_names(tmp_path: Path) -> None:
    async with two_accounts(tmp_path) as (gateway, _, _):
        listed = (await gateway.call("GET", "/v1/models")).body["data"]
        ids = {model["id"] for model in listed}
        assert {f"north/{MODEL}", f"south/{MODEL}"} <= ids
        assert MODEL not in ids
        one = await gateway.call("GET", f"/v1/models/south/{MODEL}")
        assert (one.status, one.body["id"]) == (200, f"south/{MODEL}")
        health = (await gateway.call("GET", "/health")).body
        assert (health["provider"], health["providers"]) == ("north", ["north", "south"])


@pytest.mark.parametrize("name", [MODEL, "sora-2"])
async def test_a_name_that_two_have_is_told_as_ambiguous(tmp_path: Path, name: str) -> None:
    async with two_accounts(tmp_path) as (gateway, north, south):
        prompt = a_prompt()
        body = {"prompt": prompt, "model": name}
        reply = await gateway.call("POST", "/v1/videos", json=body)
        assert (reply.status // 100, reply.code) == (4, "invalid_request")
        for full_name in ("north/", "south/"):
            assert full_name in reply.text
        assert submitted_to(north, prompt) == submitted_to(south, prompt) == 0


async def test_full_names_work_with_one_account_and_with_its_stand_in(tmp_path: Path) -> None:
    async with Sandbox(TINY) as sandbox:
        async with a_gateway(tmp_path / "stand-in", sandbox.url) as gateway:
            for name in (f"imagine/{MODEL}", f"imagine-sandbox/{MODEL}"):
                prompt = a_prompt()
                await make(gateway, name, prompt)
                assert submitted_to(sandbox, prompt) == 1
        account = an_account(sandbox.url, TOKEN)
        async with a_gateway(tmp_path / "real", providers={"imagine": account}) as gateway:
            await submit(gateway, f"imagine/{MODEL}", a_prompt(), sandbox)


@pytest.mark.both_databases
async def test_one_account_s_limit_and_rest_leave_the_other_alone(tmp_path: Path) -> None:
    async with two_accounts(tmp_path, max_in_flight=1) as (gateway, north, south):
        stuck, waiting = a_prompt("[[never]]"), a_prompt()
        tasks = [asyncio.create_task(make(gateway, f"north/{MODEL}", stuck))]
        await until(lambda: gateway_was_sent(north, stuck))
        tasks.append(asyncio.create_task(make(gateway, f"north/{MODEL}", waiting)))
        await soon(lambda: bool(gateway.rows(waiting)))
        # The first account is full and the other one takes more than its limit at once.
        others = [a_prompt("[[never]]") for _ in range(3)]
        await asyncio.gather(
            *(submit(gateway, f"south/{MODEL}", prompt, south) for prompt in others)
        )
        assert submitted_to(north, waiting) == 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_429_of_one_account_slows_only_its_own_jobs(tmp_path: Path) -> None:
    async with two_accounts(tmp_path) as (gateway, north, south):
        rule = make_rule("429", operation="submit", parameters={"retry-after": 60, "times": 1})
        north.faults.arm(rule)
        slowed = a_prompt()
        resting = asyncio.create_task(make(gateway, f"north/{MODEL}", slowed))
        await until(lambda: gateway_was_sent(north, slowed))
        await submit(gateway, f"south/{MODEL}", a_prompt(), south)
        assert not resting.done()
        assert submitted_to(north, slowed) == 1
        resting.cancel()
        await asyncio.gather(resting, return_exceptions=True)


async def gateway_was_sent(sandbox: Sandbox, prompt: str) -> bool:
    """Whether a stand-in was sent a submit of this prompt."""
    return submitted_to(sandbox, prompt) > 0


async def test_two_stand_ins_play_where_neither_has_credentials(tmp_path: Path) -> None:
    async with Sandbox(TINY) as north, Sandbox(TINY) as south:
        accounts = {
            name: ImagineSettings.model_validate({"kind": "imagine", "sandbox_url": sandbox.url})
            for name, sandbox in (("north", north), ("south", south))
        }
        async with a_gateway(tmp_path, providers=accounts) as gateway:
            prompt = a_prompt()
            reply = await gateway.call(
                "POST", f"/v1/south/{MODEL}/generations", json={"prompt": prompt}
            )
            [row] = gateway.rows(prompt)
            assert row["provider"] == "south-sandbox"
            async with gateway.session.get(reply.body["video_url"]) as played:
                assert (played.status, played.content_type) == (200, "video/mp4")
            assert (await gateway.call("GET", "/health")).body["sandbox"] is True
        made = [entry for entry in south.recorder if entry.outcome is Outcome.ACCEPTED]
        assert len(made) == 1


async def test_a_key_s_models_stand_beside_the_web_api_s(tmp_path: Path) -> None:
    async with Sandbox(TINY) as web, Sandbox(TINY) as keyed:
        values = {"_env_file": None, "key": "a-key", "api_url": f"{keyed.url}/v2"}
        accounts = {
            "imagine": an_account(web.url, TOKEN),
            "imagine_key": ImagineKeySettings.model_validate(values),
        }
        async with a_gateway(tmp_path, providers=accounts) as gateway:
            prompt = a_prompt("[[ready after=0]]")
            path = "/v1/kling-1.0-pro/generations"
            reply = await gateway.call("POST", path, json={"prompt": prompt})
            assert reply.status == 200, reply.text
            [row] = gateway.rows(prompt)
            assert row["provider"] == "imagine_key"
            assert (submitted_to(web, prompt), submitted_to(keyed, prompt)) == (0, 1)
            async with gateway.session.get(reply.body["video_url"]) as played:
                assert (played.status, played.content_type) == (200, "video/mp4")
