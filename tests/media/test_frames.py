from __future__ import annotations

import errno
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path

import av
import pytest
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from reelgate.errors import UpstreamBadResponse
from reelgate.media import frames
from reelgate.media import mp4 as probes
from reelgate.media.mp4 import Probe, largest_picture_px, probe
from reelgate.rendering.clip import make_clip
from reelgate.rendering.render import render

from .movies import RED, Colours, described_as, movie, with_latin1_title


def _saved(folder: Path, content: bytes) -> Path:
    path = folder / "video"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("faststart", [True, False])
async def test_a_video_tells_its_length_size_and_codec(tmp_path: Path, *, faststart: bool) -> None:
    found = probe(_saved(tmp_path, movie(seconds=2, faststart=faststart)))
    assert (found.width, found.height, found.codec) == (64, 36, "h264")
    assert found.duration_s == 2.0


@pytest.mark.parametrize(
    "colours",
    [
        None,
        (Colorspace.ITU601, ColorRange.MPEG),
        (Colorspace.ITU709, ColorRange.MPEG),
        (Colorspace.ITU709, ColorRange.JPEG),
    ],
    ids=["untold", "601", "709", "709-full"],
)
async def test_the_thumbnail_is_the_first_picture_in_its_colours(
    tmp_path: Path, colours: Colours | None
) -> None:
    found = probe(_saved(tmp_path, movie(colours=colours)))
    with Image.open(BytesIO(found.thumbnail or b"")) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (64, 36))
        shown = thumbnail.convert("RGB").resize((1, 1)).tobytes()
    assert tuple(shown) == pytest.approx(RED, abs=8)


@pytest.mark.parametrize(
    ("video", "thumbnail"), [((1280, 720), (640, 360)), ((362, 800), (290, 640))]
)
async def test_a_large_picture_is_shrunk_in_its_own_proportions(
    tmp_path: Path, video: tuple[int, int], thumbnail: tuple[int, int]
) -> None:
    found = probe(_saved(tmp_path, movie(width=video[0], height=video[1])))
    assert (found.width, found.height) == video
    with Image.open(BytesIO(found.thumbnail or b"")) as picture:
        assert picture.size == thumbnail


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!doctype html><title>Expired</title>",
        b"\x00\x00\x00\x20ftypisom" + bytes(500),
        movie()[:200],
        movie(faststart=False)[:-300],
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    ],
    ids=["empty", "html", "no-movie", "cut-off", "no-index", "playlist"],
)
async def test_a_file_without_a_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        probe(_saved(tmp_path, content))


def test_a_gateway_that_finished_no_video_yet_has_not_loaded_the_decoder() -> None:
    code = (
        "import sys, reelgate.media.keeper; sys.exit('av' in sys.modules or 'PIL' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_video_with_a_title_that_is_no_utf8_is_a_video(tmp_path: Path) -> None:
    found = probe(_saved(tmp_path, with_latin1_title(movie(faststart=False))))
    assert (found.width, found.height) == (64, 36)
    assert found.thumbnail is not None


@pytest.mark.parametrize(
    "coding",
    [
        {"preset": "ultrafast", "qp": "24"},
        {"preset": "medium", "crf": "28"},
        {"preset": "veryfast", "b": "100000"},
    ],
    ids=["as the sandbox", "as most do", "few bits"],
)
def test_a_still_picture_is_told_from_a_moving_one_however_it_is_coded(
    tmp_path: Path, coding: dict[str, str]
) -> None:
    found = {}
    for prompt, is_still in product(("a cat", "a dog", "a harbour"), (True, False)):
        clip = make_clip(prompt, ratio="16:9", duration="5", resolution="480p")
        drawn, coded = tmp_path / "drawn.mp4", tmp_path / "coded.mp4"
        render(replace(clip, duration_s=1, is_still=is_still), drawn)
        coded_again(drawn, coded, coding)
        found[prompt, is_still] = probe(coded, still_below_s=2.5).is_still
    assert found == {(prompt, is_still): is_still for prompt, is_still in found}


def coded_again(drawn: Path, coded: Path, coding: dict[str, str]) -> None:
    with av.open(str(drawn)) as source, av.open(str(coded), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options=coding)
        video = source.streams.video[0]
        stream.width, stream.height = video.width, video.height
        for frame in source.decode(video=0):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_pictures_too_large_for_us_are_not_decoded(tmp_path: Path) -> None:
    found = probe(_saved(tmp_path, described_as(movie(), 16000, 16000)))
    assert found == Probe()


def test_a_video_that_hides_how_large_its_pictures_are_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "MAX_PICTURE_PX", 1000)
    assert probe(_saved(tmp_path, described_as(movie(), 8, 8))) == Probe()


def test_a_video_whose_thumbnail_cannot_be_drawn_is_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_frame: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(frames, "_webp", fails)
    found = probe(_saved(tmp_path, movie()))
    assert (found.codec, found.thumbnail) == ("h264", None)


def test_a_video_that_needs_more_memory_than_there_is_is_kept_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Probe:
        raise av.MemoryError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(frames, "_decode", fails)
    assert probe(_saved(tmp_path, movie())) == Probe()


def test_a_mistake_of_ours_says_nothing_against_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Probe:
        raise UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid")

    monkeypatch.setattr(frames, "decode", fails)
    assert probe(_saved(tmp_path, movie())) == Probe()


def test_a_video_of_an_unknown_codec_is_not_called_broken(tmp_path: Path) -> None:
    video = movie()
    at = video.index(b"avc1", video.index(b"stsd"))
    assert probe(_saved(tmp_path, video[:at] + b"zz99" + video[at + 4 :])).thumbnail is None


@pytest.mark.parametrize("content", [b"", b"\0" * 64, movie()[:300], movie()[40:]])
def test_the_size_of_pictures_is_looked_for_in_anything(tmp_path: Path, content: bytes) -> None:
    with _saved(tmp_path, content).open("rb") as file:
        assert largest_picture_px(file, len(content)) in {0, 64 * 36}


WITHOUT_HANDLES = """
import os, resource, sys
from pathlib import Path
from reelgate.errors import StorageFailed
from reelgate.media.frames import decode

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
try:
    decode(Path(sys.argv[1]), 10**9)
except StorageFailed:
    sys.exit(0)
sys.exit(1)
"""


def test_that_no_more_files_may_be_open_says_nothing_against_a_video(tmp_path: Path) -> None:
    video = str(_saved(tmp_path, movie()))
    subprocess.run([sys.executable, "-c", WITHOUT_HANDLES, video], check=True, timeout=60)
