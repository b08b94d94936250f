from __future__ import annotations

from pathlib import Path

import pytest

from reelgate.cli.download import choose_target, free_name, name_from, put_in_place
from reelgate.cli.exits import CliError, ExitCode


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A cat eating hotdogs in a park", "a-cat-eating-hotdogs-in-a-park.mp4"),
        ("../../etc/passwd", "etc-passwd.mp4"),
        ("Straße & Café", "straße-café.mp4"),
        ("猫が公園で食べる", "猫が公園で食べる.mp4"),
        ("!!! ...", "video.mp4"),
        ("a cat [[never]]", "a-cat.mp4"),
        ("x" * 500, f"{'x' * 60}.mp4"),
    ],
)
def test_a_file_is_named_after_the_prompt(prompt: str, name: str) -> None:
    assert name_from(prompt) == name


def test_a_long_prompt_is_cut_between_words() -> None:
    name = name_from("wordy " * 100)
    assert len(name) < 70
    assert name.endswith("wordy.mp4")


def test_a_taken_name_gets_the_next_number(tmp_path: Path) -> None:
    (tmp_path / "cat.mp4").touch()
    (tmp_path / "cat-2.mp4").touch()
    assert free_name(tmp_path / "cat.mp4") == tmp_path / "cat-3.mp4"


def test_a_file_that_exists_is_refused_before_anything_is_paid(tmp_path: Path) -> None:
    target = tmp_path / "cat.mp4"
    target.touch()
    with pytest.raises(CliError, match="--force") as refused:
        choose_target(target, "A cat", force=False)
    assert refused.value.exit_code is ExitCode.USAGE
    assert choose_target(target, "A cat", force=True) == target


def test_a_folder_takes_a_file_named_after_the_prompt(tmp_path: Path) -> None:
    assert choose_target(tmp_path, "A cat", force=False) == tmp_path / "a-cat.mp4"


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="there is no folder"):
        choose_target(tmp_path / "no" / "cat.mp4", "A cat", force=False)


def test_a_name_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    part, target = tmp_path / "cat.mp4.part", tmp_path / "cat.mp4"
    part.write_text("new")
    target.write_text("old")
    assert put_in_place(part, target, force=False) == tmp_path / "cat-2.mp4"
    assert target.read_text() == "old"
