from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.media.mp4 import is_cut_off, is_mp4

from .movies import movie, padded


def _is_cut_off(content: bytes) -> bool:
    return is_cut_off(BytesIO(content), len(content))


@pytest.mark.parametrize("faststart", [True, False])
def test_a_whole_video_is_not_cut_off(*, faststart: bool) -> None:
    assert is_mp4(movie(faststart=faststart)[:12])
    assert not _is_cut_off(movie(faststart=faststart))


@pytest.mark.parametrize("missing", [1, 7, 100])
def test_a_video_without_its_last_bytes_is_cut_off(missing: int) -> None:
    assert _is_cut_off(movie()[:-missing])


def test_a_box_with_a_long_length_is_understood() -> None:
    long_box = (1).to_bytes(4) + b"mdat" + (100).to_bytes(8) + bytes(84)
    assert not _is_cut_off(movie() + long_box)
    assert _is_cut_off(movie() + long_box[:-1])


@pytest.mark.parametrize(
    "padding", [b"\x00", bytes(100), b"\x00\x00\x00\x02free", b"\x00\x00\x00\x01free"]
)
def test_padding_behind_the_last_box_is_no_cut(padding: bytes) -> None:
    assert not _is_cut_off(movie() + padding)


def test_many_empty_boxes_come_to_an_end() -> None:
    assert not _is_cut_off(padded(movie(), 10_000) + b"\x00\x00\x00\x08free" * 200_000)


@given(st.binary(max_size=100))
def test_any_bytes_give_an_answer(content: bytes) -> None:
    _is_cut_off(content)
