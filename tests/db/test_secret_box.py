"""The key that encrypts credentials, and what is said where it cannot be used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reelgate.db.secret_box import KEY_FILE, SecretBox
from reelgate.errors import SecretsUnreadable
from reelgate.net.secret_keys import decode_keys

ONE = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


def test_many_processes_that_make_the_key_file_at_once_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda _: SecretBox("", tmp_path).seal(b"text"), range(16)))
    assert {SecretBox("", tmp_path).open(each) for each in sealed} == {b"text"}
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]


def test_a_new_key_goes_before_the_old_one_which_still_opens(tmp_path: Path) -> None:
    old = SecretBox(ONE, tmp_path).seal(b"text")
    both = SecretBox(f"{OTHER} {ONE}", tmp_path)
    assert both.open(old) == b"text"
    assert SecretBox(OTHER, tmp_path).open(both.seal(b"text")) == b"text"
    with pytest.raises(SecretsUnreadable, match="another key"):
        SecretBox(OTHER, tmp_path).open(old)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (ONE, 0o644, "chmod 600"),
        (ONE, 0o640, "chmod 600"),
        ("", 0o600, "is empty"),
        ("half a key", 0o600, "holds no key"),
        ("c2hvcnQ=", 0o600, "5 bytes instead of 32"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told_without_its_key(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    file = tmp_path / KEY_FILE
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(SecretsUnreadable, match=said) as caught:
        SecretBox("", tmp_path).seal(b"text")
    assert str(file) in str(caught.value)
    assert ONE not in str(caught.value)


def test_a_key_file_that_is_missing_is_not_made_anew_to_read_with(tmp_path: Path) -> None:
    sealed = SecretBox("", tmp_path).seal(b"text")
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(SecretsUnreadable, match="is missing"):
        SecretBox("", tmp_path).open(sealed)
    assert not (tmp_path / KEY_FILE).exists()


@pytest.mark.parametrize("wrong", ["x", "c2hvcnQ=", f"{ONE} {ONE[:-4]}"])
def test_a_setting_that_is_no_key_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32") as caught:
        decode_keys(wrong)
    assert wrong not in str(caught.value)
