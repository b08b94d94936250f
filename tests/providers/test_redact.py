from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.net.redact import MAX_EXCERPT_CHARS, redacted
from tests.providers.imagine_account import TOKEN


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        "someone.else+tag@mail.example.com",
        "Bearer abc123",
        "bearer   abc123",
        "deadbeefdeadbeefdeadbeefdeadbeef",
        "A" * 64,
    ],
)
def test_secrets_are_masked_wherever_they_stand(secret: str) -> None:
    heart = secret.rsplit(maxsplit=1)[-1]
    for text in (secret, f'{{"message":"no {secret} here"}}', f"a={secret};b", f"x\n{secret}\ny"):
        assert heart not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "abc123"}',
        '{"refreshToken":"abc123"}',
        "client_secret=abc123",
        "password: abc123",
        "api-key=abc123",
        "Set-Cookie: abc123",
    ],
)
def test_named_secrets_are_masked(text: str) -> None:
    assert "abc123" not in redacted(text)


def test_what_helps_is_kept() -> None:
    text = '{"message":"job 3453d02d-025d-42e3-aacd-c7db2112b621 not found","code":404}'
    assert redacted(text) == text


def test_an_excerpt_is_one_short_line() -> None:
    excerpt = redacted("one\ntwo\x1b[31m\x00" + " more" * 1000)
    assert excerpt.startswith("one two")
    assert len(excerpt) <= MAX_EXCERPT_CHARS + 3
    assert excerpt.isprintable()


@given(st.text())
def test_any_text_gives_a_printable_line(text: str) -> None:
    assert redacted(text).isprintable()


@pytest.mark.parametrize("piece", ["a", "a.", "eyJ", "eyJ.", "a@", "bearer ", "token=", "a-"])
def test_no_text_takes_long(piece: str) -> None:
    began_s = time.perf_counter()
    redacted(piece * 1_000_000)
    assert time.perf_counter() - began_s < 1.0
