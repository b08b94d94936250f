from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.errors import UpstreamBadResponse
from reelgate.net.client import HttpResponse
from reelgate.providers.assets import is_video_start
from reelgate.providers.base import Submission
from reelgate.providers.imagine.wire import (
    Report,
    credits_of,
    read_report,
    read_submission,
)
from reelgate.providers.words import Word, word_of

ID = "3f2a8c1e-0000-4000-8000-000000000001"
JOB = {"batchId": "b-1", "cost": 12, "id": ID, "status": "success"}


def answering(value: object) -> HttpResponse:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HttpResponse(200, {}, body)


@pytest.mark.parametrize("value", [JOB, [JOB], [JOB, {"id": "second"}]])
def test_an_object_and_an_array_of_one_are_the_same(value: object) -> None:
    assert read_submission(answering(value)) == Submission(ID, "b-1", credits_of(12))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"batchId": None}, Submission(ID, "", credits_of(12))),
        ({"batchId": 7}, Submission(ID, "", credits_of(12))),
        ({"cost": None}, Submission(ID, "b-1", None)),
        ({"cost": "12"}, Submission(ID, "b-1", None)),
        ({"cost": True}, Submission(ID, "b-1", None)),
        ({"cost": 2**31 - 1}, Submission(ID, "b-1", credits_of(2**31 - 1))),
        ({"cost": 2**31}, Submission(ID, "b-1", None)),
        ({"cost": 2**63}, Submission(ID, "b-1", None)),
        ({"cost": -1}, Submission(ID, "b-1", None)),
        ({"cost": 1.5}, Submission(ID, "b-1", None)),
        ({"cost": float("nan")}, Submission(ID, "b-1", None)),
        ({"batchId": "half \ud83d"}, Submission(ID, "", credits_of(12))),
        ({"batchId": "a\x00b"}, Submission(ID, "", credits_of(12))),
        ({"batchId": "x" * 100_000}, Submission(ID, "", credits_of(12))),
        ({"id": 42}, Submission("42", "b-1", credits_of(12))),
        ({"id": "x" * 512}, Submission("x" * 512, "b-1", credits_of(12))),
    ],
)
def test_all_but_the_id_may_be_missing(change: dict[str, Any], expected: Submission) -> None:
    assert read_submission(answering({**JOB, **change})) == expected


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        [[]],
        None,
        "text",
        {"status": "success"},
        {"id": ""},
        {"id": 7.5},
        {"id": True},
        {"id": None},
        {"id": ".."},
        {"id": "a/b"},
        {"id": "../../etc/passwd"},
        {"id": "a b"},
        {"id": "a?b"},
        {"id": "x" * 513},
        {"id": "ok\n"},
        {"id": "ü"},
        b"<html>Sign in</html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b"",
    ],
)
def test_without_a_usable_id_there_is_nothing_to_look_at(value: object) -> None:
    with pytest.raises(UpstreamBadResponse, match="Could not extract video ID") as caught:
        read_submission(answering(value))
    assert not caught.value.surely_refused


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "%b", "cost": %b}' % (ID.encode(), b"9" * 5000),
        b'{"id": "%b", "note": "caf\xe9"}' % ID.encode(),
        b'{"id": "%b", "note": "two\nlines"}' % ID.encode(),
        b'\xef\xbb\xbf{"id": "%b"}' % ID.encode(),
    ],
)
def test_one_odd_value_does_not_hide_the_id(body: bytes) -> None:
    assert read_submission(answering(body)) == Submission(ID)


def a_report(word: object, /, **asset: object) -> Report:
    return read_report(answering({"status": word, "assets": [asset]}))


@pytest.mark.parametrize(
    "word", ["queued", "generating", "running", "pending", "processing", "in_progress", " QUEUED "]
)
def test_words_of_work_mean_running(word: str) -> None:
    assert read_report(answering({"status": word})).word is Word.RUNNING
    assert a_report("whatever", status=word).word is Word.RUNNING


@pytest.mark.parametrize("word", ["error", "failed", "cancelled", "Canceled", "REJECTED"])
def test_words_of_failure_mean_failed(word: str) -> None:
    assert read_report(answering({"status": word, "assets": []})) == Report(Word.FAILED, word)
    assert a_report("success", status=word) == Report(Word.FAILED, word)


@pytest.mark.parametrize("word", ["zombie", "frobnicated", "", None, 7, ["failed"]])
def test_a_word_that_nobody_understands_says_nothing(word: object) -> None:
    assert read_report(answering({"status": word})).word is Word.SILENT


@pytest.mark.parametrize(
    "word",
    [
        "upscaling", "warming_up", "in_queue", "inProgress", "post-processing", "submitted",
        "created", "validated", "retrying", "failed_retrying", "not_ready", "unfinished",
        "awaiting_moderation", "moderation_pending", "in_review", "Waiting for a worker",
    ],
)  # fmt: skip
def test_an_unknown_word_that_is_no_end_is_work(word: str) -> None:
    assert word_of(word) is Word.RUNNING


@pytest.mark.parametrize(
    "word",
    [
        "nsfw", "NSFW", "moderated", "ContentModerated", "moderation", "moderation_failed",
        "blocked", "flagged", "content_policy_violation", "unsafe-content", "nsfw_detected",
        "content_rejected", "safety_error",
    ],
)  # fmt: skip
def test_words_of_moderation_are_known(word: str) -> None:
    assert word_of(word) is Word.MODERATED


@pytest.mark.parametrize(
    "word",
    [
        "expired", "timeout", "timed_out", "deleted", "aborted", "terminated", "not_found",
        "rendering_failed", "generation_failed",
        "archived", "refunded", "insufficient_credits", "no_output",
    ],
)  # fmt: skip
def test_an_unknown_word_that_says_it_is_over_is_an_end(word: str) -> None:
    assert word_of(word) is Word.ENDED


@pytest.mark.parametrize(
    "word", ["finished", "success", "completed", "done", "ready", "moderation_completed"]
)
def test_a_word_that_promises_a_video_is_told_apart(word: str) -> None:
    assert word_of(word) is Word.DONE


@pytest.mark.parametrize(
    "job",
    [
        {"errorMessage": "Out of memory."},
        {"error": {"message": "Out of memory."}},
        {"error": "failed", "message": "Out of memory."},
        {"assets": [{"status": "failed", "reason": " Out of memory. "}]},
        {"assets": [{"asset_metadata": {"failure_reason": "Out of memory."}}]},
    ],
)
def test_a_reason_is_found_wherever_it_stands(job: dict[str, Any]) -> None:
    assert read_report(answering({"status": "failed", **job})).reason == "Out of memory."


@pytest.mark.parametrize("generation", [["https://x/v.mp4"], "https://x/v.mp4"])
def test_an_address_means_generated_whatever_the_words_say(generation: object) -> None:
    assert a_report("processing", url={"generation": generation}).generated


@pytest.mark.parametrize(
    "url",
    [
        None,
        "text",
        [],
        {},
        {"generation": None},
        {"generation": []},
        {"generation": [""]},
        {"generation": [None]},
        {"generation": " "},
        {"generation": 7},
        {"generation": {}},
        {"thumbnail": ["https://x/t.jpg"]},
    ],
)
def test_without_an_address_nothing_is_generated(url: object) -> None:
    assert a_report("finished", url=url) == Report(Word.DONE, "finished")


@pytest.mark.parametrize("assets", [None, "x", 7, [None], [[]], ["x"]])
def test_odd_assets_are_passed_over(assets: object) -> None:
    report = read_report(answering({"status": "queued", "assets": assets}))
    assert report == Report(Word.RUNNING, "queued")


def test_a_single_asset_need_not_be_in_an_array() -> None:
    asset = {"url": {"generation": "https://x/v.mp4"}}
    assert read_report(answering({"assets": asset})).generated


_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
_keys = st.sampled_from(["id", "status", "assets", "url", "generation", "batchId", "cost"])
_words = st.sampled_from(["failed", "queued", "success"])
any_json = st.recursive(
    _leaves | _words,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_keys | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(any_json)
def test_any_json_is_a_report(value: object) -> None:
    assert isinstance(read_report(answering(value)), Report)


@given(any_json | st.binary(max_size=200))
def test_any_answer_is_a_submission_or_a_bad_response(value: object) -> None:
    with suppress(UpstreamBadResponse):
        assert isinstance(read_submission(answering(value)), Submission)


def test_an_mp4_is_known_by_its_first_box() -> None:
    assert is_video_start(b"\x00\x00\x00\x20ftypisom")
    assert is_video_start(b"\x00\x00\x00\x20ftyp")
    assert not is_video_start(b"<!doctype html>")
    assert not is_video_start(b"ftyp")
    assert not is_video_start(b"")
