from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelgate.errors import RangeNotSatisfiable
from reelgate.media.ranges import ByteRange, entity_tag, not_modified, unsatisfied, wanted

ETAG = entity_tag("ab" * 32)
sizes = st.integers(1, 50)
positions = st.integers(0, 60)


@given(positions, st.none() | positions, sizes)
def test_a_range_means_the_bytes_that_a_slice_means(
    first: int, last: int | None, size: int
) -> None:
    header = f"bytes={first}-{'' if last is None else last}"
    expected = range(size)[first : None if last is None else last + 1]
    if last is not None and last < first:
        assert wanted(header, size, etag=ETAG) is None
    elif expected:
        assert wanted(header, size, etag=ETAG) == ByteRange(expected[0], expected[-1] + 1)
    else:
        with pytest.raises(RangeNotSatisfiable) as caught:
            wanted(header, size, etag=ETAG)
        assert caught.value.size_bytes == size


@given(positions, sizes)
def test_a_suffix_means_the_last_bytes(length: int, size: int) -> None:
    expected = range(size)[-length:] if length else range(0)
    if expected:
        assert wanted(f"bytes=-{length}", size, etag=ETAG) == ByteRange(expected[0], size)
    else:
        with pytest.raises(RangeNotSatisfiable):
            wanted(f"bytes=-{length}", size, etag=ETAG)


@given(st.text() | st.text("bytes=0123456789-, ", max_size=20).map("bytes={}".format), sizes)
def test_any_header_gives_bytes_of_the_file_or_a_416(header: str, size: int) -> None:
    try:
        found = wanted(header, size, etag=ETAG)
    except RangeNotSatisfiable:
        return
    assert found is None or 0 <= found.start < found.stop <= size


@pytest.mark.parametrize(
    "header",
    [
        "bytes=0-1,4-5",
        "bytes=0-1, 90-",
        "bytes=",
        "bytes=-",
        "bytes=5",
        "bytes=5-3",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=\u0661-\u0662",
        "items=0-1",
        "0-1",
        "",
    ],
)
def test_several_ranges_and_nonsense_mean_the_whole_file(header: str) -> None:
    assert wanted(header, 10, etag=ETAG) is None


def test_a_unit_is_read_in_any_case_and_empty_list_elements_are_skipped() -> None:
    assert wanted("Bytes= ,2-3,", 10, etag=ETAG) == ByteRange(2, 4)


def test_numbers_of_any_length_are_read() -> None:
    long = "9" * 5000
    assert wanted(f"bytes=2-{long}", 10, etag=ETAG) == ByteRange(2, 10)
    assert wanted(f"bytes=-{long}", 10, etag=ETAG) == ByteRange(0, 10)
    assert wanted(f"bytes={'0' * 5000}2-3", 10, etag=ETAG) == ByteRange(2, 4)
    with pytest.raises(RangeNotSatisfiable):
        wanted(f"bytes={long}-", 10, etag=ETAG)


@pytest.mark.parametrize("if_range", ['"other"', f"W/{ETAG}", "Sun, 22 Nov 2026 10:00:00 GMT", ""])
def test_a_range_of_another_version_means_the_whole_file(if_range: str) -> None:
    assert wanted("bytes=2-3", 10, etag=ETAG, if_range=if_range) is None
    assert wanted("bytes=90-", 10, etag=ETAG, if_range=if_range) is None


def test_a_range_of_this_version_is_honoured() -> None:
    assert wanted("bytes=2-3", 10, etag=ETAG, if_range=ETAG) == ByteRange(2, 4)


def test_content_range_counts_its_last_byte_in() -> None:
    assert ByteRange(2, 4).content_range(10) == "bytes 2-3/10"
    assert ByteRange(2, 4).length_bytes == 2
    assert unsatisfied(10) == "bytes */10"


@pytest.mark.parametrize("known", [ETAG, f"W/{ETAG}", "*", f'"x,y", {ETAG}', f'"a",W/{ETAG},"b"'])
def test_a_caller_who_has_this_version_is_told_so(known: str) -> None:
    assert not_modified(known, ETAG)


@pytest.mark.parametrize("known", [None, "", '"other"', ETAG.strip('"'), ETAG[:-3] + '"', '"*"'])
def test_a_caller_who_has_another_version_gets_this_one(known: str | None) -> None:
    assert not not_modified(known, ETAG)
