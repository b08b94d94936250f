from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

from reelgate.cli.exits import ExitCode

from .conftest import Served
from .movie import Movie, read_movie
from .program import Home, Result, finish


def test_generate_uses_the_gateway_that_holds_the_data_folder(made: tuple[Result, Path]) -> None:
    result, path = made
    assert result.code == ExitCode.OK
    assert result.out == f"{path.name}\n"
    assert read_movie(path) == Movie((1280, 720), 5.0)
    assert "Starting a gateway" not in result.err


def test_a_sandbox_video_is_called_one(made: tuple[Result, Path]) -> None:
    assert "SANDBOX" in made[0].err


def test_progress_in_a_pipe_is_plain_lines(made: tuple[Result, Path]) -> None:
    assert re.search(r"^(waiting|rendering) \d+ %", made[0].err, re.MULTILINE)
    assert "\x1b" not in made[0].err


def test_json_is_one_object_on_standard_output(served: Served) -> None:
    made = served.home.run(
        *("generate", "A dog", "--duration", "6", "--resolution", "720p", "--aspect-ratio"),
        *("1:1", "--style-id", "7", "--no-enhance", "--json", "--server", served.url),
    )
    assert made.code == ExitCode.OK
    assert made.out.count("\n") == 1
    answer = made.json
    assert answer["status"] == "completed"
    assert answer["sandbox"] is True
    path = Path(answer["file"]["path"])
    assert path.stat().st_size == answer["file"]["size_bytes"]
    assert read_movie(path) == Movie((720, 720), 6.0)


def test_generate_without_a_gateway_brings_its_own_and_ignores_a_dead_address(home: Home) -> None:
    home.data.mkdir()
    (home.data / "server.url").write_text("http://127.0.0.1:9\n")
    made = home.run("generate", "A cat", "--duration", "5", "--resolution", "720p", "-o", "c.mp4")
    assert made.code == ExitCode.OK
    assert read_movie(home.folder / "c.mp4") == Movie((1280, 720), 5.0)
    assert {path.name for path in home.folder.iterdir()} == {"c.mp4", "data"}
    assert not (home.data / "server.url").exists()


def test_wrong_values_are_refused_together_with_what_is_allowed(served: Served) -> None:
    wrong = ("--duration", "7", "--resolution", "4k", "--aspect-ratio", "3:2")
    refused = served.home.run("generate", "A cat", *wrong)
    assert refused.code == ExitCode.USAGE
    assert "--duration: duration 7 is not allowed" in refused.err
    for allowed in ("5, 6, 12", "720p, 1080p", "16:9, 9:16, 4:3, 1:1"):
        assert f"use one of {allowed}" in refused.err
    assert refused.out == ""


def test_an_unknown_model_is_refused_with_those_there_are(served: Served) -> None:
    refused = served.home.run("generate", "A cat", "--model", "no-such")
    assert refused.code == ExitCode.USAGE
    assert "seedance-2.0" in refused.err


def test_a_duration_that_is_no_number_is_refused_at_once(home: Home) -> None:
    refused = home.run("generate", "A cat", "--duration", "long")
    assert refused.code == ExitCode.USAGE
    assert "whole number of seconds" in refused.err


def test_an_existing_file_is_not_overwritten(served: Served) -> None:
    kept = served.home.folder / "kept.mp4"
    kept.write_text("mine")
    refused = served.home.run("generate", "A cat", "-o", "kept.mp4", "--json")
    assert refused.code == ExitCode.USAGE
    assert kept.read_text() == "mine"


FAILURES = {
    "[[401]]": (ExitCode.CREDENTIALS, "IMAGINE_TOKEN"),
    "[[402]]": (ExitCode.CREDITS, "credits"),
    "[[429]]": (ExitCode.BUSY, "Wait"),
    "[[fail after=0]]": (ExitCode.FAILED, "failed"),
    "[[never]]": (ExitCode.TIMEOUT, "reelgate videos wait video_"),
}


def test_each_failure_has_its_exit_code_and_a_message_to_act_on(served: Served) -> None:
    with ExitStack() as stack:
        running = {
            directive: stack.enter_context(
                served.home.start("generate", f"A cat {directive}", "--timeout", "5", "--json")
            )
            for directive in FAILURES
        }
        for directive, (code, words) in FAILURES.items():
            failed = finish(running[directive])
            assert failed.code == code, directive
            assert words in failed.err
            assert failed.json["exit_code"] == code
            assert failed.json["error"]["message"]
            assert failed.json["id"].startswith("video_")


def test_a_gateway_that_is_not_there_is_named(home: Home) -> None:
    failed = home.run("generate", "A cat", REELGATE_SERVER="http://127.0.0.1:9")
    assert failed.code == ExitCode.GATEWAY
    assert "http://127.0.0.1:9" in failed.err
    assert "reelgate serve" in failed.err
