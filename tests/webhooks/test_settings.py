"""The settings of webhooks: a wrong one stops the start, and none shows a secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from reelgate.settings import WEBHOOK_EVENTS, Settings
from reelgate.webhooks.events import NAMES

from .receivers import OTHER_SECRET, SECRET


def settings(**values: object) -> Settings:
    given: dict[str, Any] = {"_env_file": None, **values}
    return Settings.model_validate(given)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"webhook_url": "https://example.com/hook"}, "webhook_secret"),
        ({"webhook_secret": "hunter2-hunter2-hunter2"}, "webhook_secret"),
        ({"webhook_secret": "whsec_c2hvcnQ="}, "webhook_secret"),
        ({"webhook_secret": f"{SECRET} hunter2"}, "webhook_secret"),
        ({"webhook_url": "ftp://example.com", "webhook_secret": SECRET}, "webhook_url"),
        ({"webhook_url": "http://localhost/hook", "webhook_secret": SECRET}, "webhook_url"),
        ({"webhook_events": "video.completed,video.renamed"}, "webhook_events"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_not_repeated(
    values: dict[str, object], wrong: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**values)
    (problem,) = refused.value.errors()
    assert problem["loc"] == (wrong,)
    assert "hunter2" not in str(refused.value)
    assert "c2hvcnQ" not in str(refused.value)


def test_settings_do_not_show_the_secret() -> None:
    made = settings(webhook_secret=SECRET, webhook_url="https://example.com/hook")
    assert SECRET.removeprefix("whsec_") not in f"{made!r} {made} {made.model_dump()}"


def test_several_secrets_give_several_keys_and_none_gives_none() -> None:
    assert len(settings(webhook_secret=f"{SECRET} {OTHER_SECRET}").webhook_keys) == 2
    assert settings().webhook_keys == ()


def test_a_private_endpoint_is_taken_where_it_is_allowed() -> None:
    url = "http://localhost:9000/hook"
    assert settings(webhook_url=url, webhook_secret=SECRET, webhook_allow_private=True).webhook_url


def test_the_ends_of_a_video_are_told_unless_something_else_is_asked_for() -> None:
    assert settings().webhook_event_names == {"video.completed", "video.failed"}


def test_each_event_that_is_sent_can_be_listed() -> None:
    assert sorted(NAMES.values()) == sorted(WEBHOOK_EVENTS)
