"""`reelgate webhooks`, run as people run it."""

from __future__ import annotations

import shlex
from pathlib import Path

from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.db.webhooks import add
from tests.cli.program import Home
from tests.e2e.frontdoor.blocks import run_by

from .receivers import a_message, a_post, a_receiver, says


def on_the_page(message: str, url: str) -> list[list[str]]:
    """What docs/webhooks.md tells people to type, about this message to this endpoint."""
    [code] = run_by("tests/webhooks/test_cli.py", "docs/webhooks.md")
    code = code.replace("msg_01a2...", message).replace("https://example.com/hook", url)
    return [shlex.split(line, comments=True)[1:] for line in code.splitlines()]


async def test_an_operator_sees_what_failed_and_sends_it_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.data.mkdir()
    database = open_database(f"sqlite:///{home.data}/reelgate.sqlite")
    await migrate(database)
    async with a_receiver(says(410)) as receiver, a_post(database) as post:
        refused = await post.put(receiver.url)
        await post.stands(refused, "dead")

        listed, dead, *others = [home.run(*each) for each in on_the_page(refused, receiver.url)]
        assert refused in listed.out
        assert "the endpoint answered HTTP 410" in listed.out
        assert f"reelgate webhooks enable {receiver.url}" in listed.err
        shown = dead.json
        assert [(each["id"], each["status"]) for each in shown["data"]] == [(refused, 410)]
        assert [each["url"] for each in shown["switched_off"]] == [receiver.url]
        assert [each.err for each in others if each.code != 0] == []
        post.deliverer.wake()
        await post.stands(refused, "delivered")
    await database.close()
    assert home.run("webhooks", "list", "--state", "dead", "--json").json == {
        "data": [],
        "switched_off": [],
    }


async def test_what_does_not_exist_is_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    unknown = home.run("webhooks", "redeliver", "msg_1")
    assert (unknown.code, "msg_1" in unknown.err) == (2, True)
    assert home.run("webhooks", "redeliver").code == 2
    assert home.run("webhooks", "enable", "https://example.com/").code == 2


async def test_all_that_was_given_up_is_sent_again_at_one_endpoint_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.data.mkdir()
    database = open_database(f"sqlite:///{home.data}/reelgate.sqlite")
    await migrate(database)
    async with a_receiver(*[says(500)] * 4) as one, a_receiver(*[says(500)] * 4) as other:
        async with a_post(database) as post:
            first, second = await post.put(one.url), await post.put(other.url)
            await post.stands(first, "dead")
            await post.stands(second, "dead")
            waiting = a_message("http://127.0.0.1:1/", video="video_9")
        await database.write(lambda connection: add(connection, [waiting]))
        told = home.run("webhooks", "redeliver", "--dead", "--url", one.url)
        assert "Queued again: 1." in told.err
        async with a_post(database) as post:
            await post.stands(first, "delivered")
            assert (await post.find(second)).state.value == "dead"
    await database.close()
