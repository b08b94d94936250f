"""The last release and the working tree, side by side on one Postgres and in turn on one file.

Everything goes through what is public, so that it holds for whatever the inside becomes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from tests.gateway import GENERATIONS, Gateway, Reply, a_prompt, callers, soon, until
from tests.images.pictures import a_data_url, a_picture
from tests.webhooks.receivers import Receiver, a_receiver

from .releases import WORKING_TREE, Release, RunningRelease, install_last_release

VIDEOS = "/v1/videos"
COSTS_NOTHING = "[[fail after=0]]"
STATES = {
    # Each state, and what holds a job in it for a while.
    "completed": "[[ready after=0]]",
    "failed": COSTS_NOTHING,
    "rendering": "[[ready after=3]]",
    "fetching": "[[ready after=0]] [[slow-bytes rate=8000]]",
    "submitting": "[[late after=3]]",
    # Last: until the upstream's rest is over no other job is sent.
    "queued": "[[429 retry-after=2 times=1]]",
}
EVERY_JOB = "SELECT id, state, caller, request FROM videos"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"nobody's secret, for tests only!").decode()
TOLD_FIRST, TOLD_AGAIN = ({"x-stainless-retry-count": str(count)} for count in (0, 1))


@dataclass(frozen=True)
class Asked:
    """A request that one release was sent, how it is sent again, and the job that it made."""

    path: str
    body: dict[str, object]
    again: dict[str, str]
    video: str

    @property
    def prompt(self) -> str:
        return str(self.body["prompt"])


@dataclass
class Deployment:
    """The gateways that run on one database."""

    folder: Path
    sandbox_url: str
    database_url: str
    receiver: Receiver
    stack: AsyncExitStack
    api_key: str = ""
    running: dict[str, RunningRelease] = field(default_factory=dict)

    async def start(self, release: Release) -> Gateway:
        """Start a release: on Postgres with a data folder of its own, as on another machine."""
        data_dir = self.folder / (release.name if self.database_url else "data")
        running = self.running[release.name] = RunningRelease(
            release,
            data_dir,
            REELGATE_SANDBOX_URL=self.sandbox_url,
            REELGATE_DATABASE_URL=self.database_url,
            REELGATE_STORAGE_URL=str(self.folder / "videos"),
            REELGATE_WEBHOOK_URL=self.receiver.url,
            REELGATE_WEBHOOK_SECRET=WEBHOOK_SECRET,
            REELGATE_WEBHOOK_ALLOW_PRIVATE="true",
        )
        self.stack.callback(running.kill)
        session = await self.stack.enter_async_context(callers())
        if self.api_key:
            session.headers["Authorization"] = f"Bearer {self.api_key}"
        return Gateway(await running.url(), session, data_dir, self.sandbox_url)

    async def rows(self) -> list[dict[str, Any]]:
        """Every job in the database."""
        if not self.database_url:
            return rows_in(self.folder / "data/reelgate.sqlite")
        connection = await asyncpg.connect(self.database_url)
        try:
            return [dict(row) for row in await connection.fetch(EVERY_JOB)]
        finally:
            await connection.close()

    async def rows_left(self) -> list[dict[str, Any]]:
        """Every job as the next process finds it when the one that runs ends where it is.

        A commit of SQLite's may be in its log, but not yet in the index that readers go by: who
        opens the file next reads the log.
        """
        if self.database_url:
            return await self.rows()
        with TemporaryDirectory() as folder:
            for suffix in ("", "-wal"):
                copy(self.folder / f"data/reelgate.sqlite{suffix}", folder)
            return rows_in(Path(folder) / "reelgate.sqlite")

    async def kill(self, release: str, submitting: str = "") -> None:
        """SIGKILL a release that waits for the answer to no submit, but to that of one prompt.

        Nobody could tell whether another one was accepted.
        """
        running = self.running[release]

        async def may_be_killed() -> bool:
            running.pause()
            left = await self.rows_left()
            sent = {prompt_of(row) for row in left if row["state"] == "submitting"}
            if sent <= {submitting}:
                return True
            running.resume()
            return False

        await until(may_be_killed)
        running.kill()

    async def until_row(self, prompt: str, fits: Callable[[dict[str, Any]], bool]) -> str:
        """The id of this prompt's one job, once its row is as asked."""

        async def does_fit() -> bool:
            return any(fits(row) for row in await self.rows() if prompt_of(row) == prompt)

        await until(does_fit)
        [video] = [row["id"] for row in await self.rows() if prompt_of(row) == prompt]
        return str(video)


def rows_in(file: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(EVERY_JOB)]


def prompt_in(state: str, left: list[Asked]) -> str:
    """The prompt of the one job that was left in this state."""
    [prompt] = [one.prompt for one in left if STATES[state] in one.prompt]
    return prompt


def prompt_of(row: dict[str, Any]) -> str:
    return str(json.loads(row["request"])["prompt"])


@pytest.fixture(scope="session")
def last_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Installed once for all processes of this test run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "upgrade"
    folder.mkdir(exist_ok=True)
    release = install_last_release(folder)
    assert release.home() != WORKING_TREE.home(), "the same code would run twice"
    return release


@pytest.fixture
async def on_a_file(tmp_path: Path, sandbox_url: str) -> AsyncIterator[Deployment]:
    async with a_receiver() as receiver, AsyncExitStack() as stack:
        yield Deployment(tmp_path, sandbox_url, "", receiver, stack)


@pytest.fixture
async def on_postgres(
    tmp_path: Path, sandbox_url: str, empty_postgres_url: str
) -> AsyncIterator[Deployment]:
    async with a_receiver() as receiver, AsyncExitStack() as stack:
        yield Deployment(tmp_path, sandbox_url, empty_postgres_url, receiver, stack)


@pytest.mark.long
async def test_one_file_is_carried_on_by_the_next_version(
    last_release: Release, on_a_file: Deployment
) -> None:
    data_dir = on_a_file.folder / "data"
    created = await asyncio.to_thread(last_release.run, data_dir, "keys", "create", "x", "--json")
    on_a_file.api_key = json.loads(created.stdout)["key"]
    old = await on_a_file.start(last_release)
    assert await is_refused(WORKING_TREE, data_dir)
    left = await leave_jobs(old, on_a_file)
    await on_a_file.kill("old", submitting=prompt_in("submitting", left))
    new = await on_a_file.start(WORKING_TREE)
    await recognises(new, left)
    assert await is_refused(last_release, data_dir)
    # Whether a submit was accepted whose process was killed nobody can know.
    await all_end_well(new, on_a_file, left, submitted="failed")


async def is_refused(release: Release, data_dir: Path) -> bool:
    """Whether a gateway of this release does not start beside one that runs on the same file."""
    ended = await asyncio.to_thread(release.run, data_dir, "serve", "--port", "0")
    assert str(data_dir) in ended.stderr, ended.stderr
    return ended.returncode != 0


@pytest.mark.parametrize("leaver", ["old", "new"])
async def test_on_one_postgres_each_version_carries_on_what_the_other_leaves(
    last_release: Release, on_postgres: Deployment, leaver: str
) -> None:
    old = await on_postgres.start(last_release)
    if leaver == "old":
        left = await leave_jobs(old, on_postgres)
        other = await on_postgres.start(WORKING_TREE)
    else:
        new, other = await on_postgres.start(WORKING_TREE), old
        left = await leave_jobs(new, on_postgres)
    await recognises(other, left)
    if leaver == "old":
        await on_postgres.running["old"].end()
    else:
        await on_postgres.kill("new")
    await all_end_well(other, on_postgres, left, submitted="completed")


SHARED = "wan-2.2"
"""Where every provider's stand-in plays, another has a model of this name, and says whose."""


async def leave_jobs(gateway: Gateway, deployment: Deployment) -> list[Asked]:
    """A job for each way to be recognised, and one in each state, the last of them just now."""
    listed = await gateway.call("GET", "/v1/models")
    models = [
        str(model["id"])
        for model in listed.body["data"]
        if model["owned_by"] == "imagine.art" and not str(model["id"]).endswith(SHARED)
    ]
    left = await asyncio.gather(*ways_to_be_recognised(gateway, models))
    left.append(await abandoned(gateway, deployment))
    for state in STATES:
        left.append(await in_state(state, gateway, deployment))
    finished = left[-len(STATES)]
    return [*left, Asked(VIDEOS, finished.body, {"Cache-Control": "max-age=60"}, finished.video)]


async def in_state(state: str, gateway: Gateway, deployment: Deployment) -> Asked:
    """A job that is in this state now."""
    asked = await post(gateway, {"seconds": 5}, key_of(state), directives=STATES[state])
    await deployment.until_row(asked.prompt, lambda row: row["state"] == state)
    return asked


def ways_to_be_recognised(
    gateway: Gateway, models: list[str]
) -> Iterator[Coroutine[Any, Any, Asked]]:
    """By key and by an SDK's count; with each model's defaults, and each field at another value."""
    for model in models:
        yield post(gateway, {"model": model}, key_of(model))
    picture = {"image_url": a_data_url(a_picture())}
    bodies: tuple[dict[str, object], ...] = (
        {},
        {"seconds": "12", "aspect_ratio": "9:16", "style_id": 60501, "is_enhance": False},
        {"model": "kling-o3", "aspect_ratio": "1:1", "input_reference": picture},
        {"model": "seedance-2.0", "duration": "auto", "aspect_ratio": "auto"},
        {"metadata": {"who": "größer"}},
    )
    for number, body in enumerate(bodies):
        yield post(gateway, body, key_of(f"body-{number}"))
        yield post(gateway, body, TOLD_FIRST, TOLD_AGAIN)


def key_of(name: str) -> dict[str, str]:
    return {"Idempotency-Key": f"key of {name}"}


async def post(
    gateway: Gateway,
    body: dict[str, object],
    headers: dict[str, str],
    again: dict[str, str] | None = None,
    *,
    directives: str = COSTS_NOTHING,
) -> Asked:
    """Make a job that nobody waits for."""
    told = body | {"prompt": a_prompt(directives)}
    reply = await gateway.call("POST", VIDEOS, json=told, headers=headers)
    assert reply.status == 200, reply.text
    return Asked(VIDEOS, told, again or headers, reply.body["id"])


async def abandoned(gateway: Gateway, deployment: Deployment) -> Asked:
    """A job whose blocking caller has gone away."""
    body: dict[str, object] = {"prompt": a_prompt("[[ready after=2]]"), "duration": 5}
    asking = asyncio.create_task(gateway.call("POST", GENERATIONS, json=body))
    await deployment.until_row(str(body["prompt"]), lambda row: row["state"] == "rendering")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    video = await deployment.until_row(str(body["prompt"]), lambda row: row["caller"] == "gone")
    return Asked(GENERATIONS, body, {}, video)


async def recognises(gateway: Gateway, left: list[Asked]) -> None:
    """Whether each request gets its job from a release that did not make it."""
    replies = await asyncio.gather(
        *(gateway.call("POST", one.path, json=one.body, headers=one.again) for one in left)
    )
    found = {one.prompt: video_of(one, reply) for one, reply in zip(left, replies, strict=True)}
    assert found == {one.prompt: one.video for one in left}
    other = {"prompt": "another", "model": "kling-o3"}
    mismatch = await gateway.call("POST", VIDEOS, json=other, headers=key_of("kling-o3"))
    assert mismatch.code == "idempotency_mismatch"


def video_of(asked: Asked, reply: Reply) -> str:
    assert reply.status == 200, reply.text
    return reply.video if asked.path == GENERATIONS else str(reply.body["id"])


async def all_end_well(
    gateway: Gateway, deployment: Deployment, left: list[Asked], submitted: str
) -> None:
    """Whether every job comes to its end, and each was sent and paid for once."""

    async def are_over() -> bool:
        return {row["state"] for row in await deployment.rows()} <= {"completed", "failed"}

    await until(are_over)
    rows = await deployment.rows()
    assert {row["id"] for row in rows} == {one.video for one in left}
    assert max(Counter(prompt_of(row) for row in rows).values()) == 1
    ends = {prompt_of(row): row["state"] for row in rows}
    for prompt, end in ends.items():
        expected = "failed" if COSTS_NOTHING in prompt else "completed"
        assert end == (submitted if STATES["submitting"] in prompt else expected), prompt
        assert len(await gateway.accepted(prompt)) == 1, prompt
        assert len(await gateway.submits(prompt)) == 1 + (STATES["queued"] in prompt), prompt
    ended = {(row["id"], row["state"]) for row in rows}
    await soon(lambda: told_ends(deployment.receiver) == ended)
    for row in rows:
        if row["state"] == "completed":
            film = await gateway.session.get(f"{gateway.url}{VIDEOS}/{row['id']}/content")
            assert (await film.read())[4:8] == b"ftyp"


def told_ends(receiver: Receiver) -> set[tuple[str, str]]:
    """Which videos' ends the webhook's receiver has been told."""
    events = [json.loads(message.text) for message in receiver.got]
    return {(event["data"]["id"], event["type"].removeprefix("video.")) for event in events}
