"""The webhooks' part of the audit finds each kind of broken promise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos import webhook_audit
from chaos.receiver import Delivery
from chaos.rows import Row

VIDEO = Row("video_1", "a cat", "completed", webhook_url="http://127.0.0.1:1/own/1")
BEGUN = Delivery("/all", "msg_1", "video.in_progress", "video_1", is_genuine=True)
ENDED = Delivery("/all", "msg_2", "video.completed", "video_1", is_genuine=True)
OWN = replace(ENDED, path="/own/1", id="msg_3")
ALL = (BEGUN, ENDED, OWN)
BY_ID = {VIDEO.id: VIDEO}


def test_a_video_that_every_endpoint_received_breaks_no_promise() -> None:
    assert webhook_audit.undelivered([VIDEO], ALL) == []
    assert webhook_audit.reordered(BY_ID, ALL) == []
    assert webhook_audit.unexpected(BY_ID, ALL) == []
    assert webhook_audit.forged(ALL) == []


@pytest.mark.parametrize("missing", [ENDED, OWN])
def test_an_end_that_did_not_reach_an_endpoint_is_undelivered(missing: Delivery) -> None:
    deliveries = [one for one in ALL if one is not missing]
    assert webhook_audit.undelivered([VIDEO], deliveries) == [
        f"video_1: no video.completed at {missing.path}"
    ]


def test_another_end_does_not_count_as_this_one() -> None:
    assert webhook_audit.undelivered([VIDEO], [replace(ENDED, event="video.failed"), OWN]) != []


def test_a_video_without_an_end_needs_no_delivery_yet() -> None:
    assert webhook_audit.undelivered([replace(VIDEO, state="rendering")], []) == []


def test_an_end_that_arrives_before_its_beginning_is_reordered() -> None:
    (found,) = webhook_audit.reordered(BY_ID, [ENDED, BEGUN])
    assert found == "video_1 at /all: video.completed, video.in_progress"


def test_a_repeated_event_is_not_reordered() -> None:
    assert webhook_audit.reordered(BY_ID, [BEGUN, ENDED, BEGUN, ENDED]) == []


def test_a_failure_that_was_corrected_comes_before_its_video_and_nowhere_else() -> None:
    corrected = {VIDEO.id: replace(VIDEO, corrects="upstream_bad_response")}
    failed = replace(ENDED, id="msg_0", event="video.failed")
    assert webhook_audit.reordered(corrected, [BEGUN, failed, ENDED]) == []
    assert webhook_audit.unexpected(corrected, [failed]) == []
    own = replace(failed, path=OWN.path, id="msg_4")
    assert webhook_audit.undelivered(corrected.values(), [failed, own, ENDED, OWN]) == []
    assert webhook_audit.undelivered(corrected.values(), [failed, ENDED, OWN]) == [
        "video_1: no video.failed at /own/1"
    ]
    assert webhook_audit.reordered(corrected, [ENDED, failed]) != []
    assert webhook_audit.reordered(BY_ID, [failed, ENDED]) != []


def test_one_event_under_two_ids_is_reported() -> None:
    assert webhook_audit.reordered(BY_ID, [ENDED, replace(ENDED, id="msg_9")]) != []


@pytest.mark.parametrize(
    "delivery",
    [
        replace(ENDED, video="video_9"),
        replace(ENDED, event="video.failed"),
        replace(ENDED, path="/own/2"),
    ],
    ids=["of-no-video", "of-another-end", "where-nobody-asked"],
)
def test_a_delivery_of_no_event_is_unexpected(delivery: Delivery) -> None:
    assert webhook_audit.unexpected(BY_ID, [delivery]) != []


def test_a_wrong_signature_is_forged() -> None:
    assert webhook_audit.forged([ENDED, replace(BEGUN, is_genuine=False)]) == ["msg_1"]
