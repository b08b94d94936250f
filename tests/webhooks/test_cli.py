"""`reelgate webhooks`, run as people run it."""

from __future__ import annotations

from pathlib import Path

from reelgate.db.database import open_database
from reelgate.db.migrate import migrate
from reelgate.db.webhooks import add
from tests.cli.program import Home

from .receivers import a_message, a_post, a_receiver, says


async def test_an_operator_sees_what_failed_and_sends_it_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.data.mkdir()
    database = open_database(f"sqlite:///{home.data}/reelgate.sqlite")
    await migrate(database)
    async with a_receiver(says(410)) as receiver, a_post(database) as post:
        refused = await post.put(receiver.url)
        await post.stands(refused, "dead")

        listed = home.run("webhooks", "list")
        assert refused in listed.out
        assert "the endpoint answered HTTP 410" in listed.out
        assert f"reelgate webhooks enable {receiver.url}" in listed.err
        shown = home.run("webhooks", "list", "--state", "dead", "--json").json
        assert [(each["id"], each["status"]) for each in shown["data"]] == [(refused, 410)]
        assert [each["url"] for each in shown["switched_off"]] == [receiver.url]

        assert home.run("webhooks", "enable", receiver.url).code == 0
        assert home.run("webhooks", "redeliver", refused).code == 0
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
