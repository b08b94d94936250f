from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

from reelgate.errors import UpstreamBadResponse
from reelgate.media.probe import probe

from .movies import RED, Colours, movie


def _saved(folder: Path, content: bytes) -> Path:
    path = folder / "film"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("faststart", [True, False])
async def test_a_film_tells_its_length_size_and_codec(tmp_path: Path, *, faststart: bool) -> None:
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
    with Image.open(BytesIO(found.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (64, 36))
        shown = thumbnail.convert("RGB").resize((1, 1)).tobytes()
    assert tuple(shown) == pytest.approx(RED, abs=8)


@pytest.mark.parametrize(
    ("film", "thumbnail"), [((1280, 720), (640, 360)), ((362, 800), (290, 640))]
)
async def test_a_large_picture_is_shrunk_in_its_own_proportions(
    tmp_path: Path, film: tuple[int, int], thumbnail: tuple[int, int]
) -> None:
    found = probe(_saved(tmp_path, movie(width=film[0], height=film[1])))
    assert (found.width, found.height) == film
    with Image.open(BytesIO(found.thumbnail)) as picture:
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
    code = "import sys, reelgate.media.keep; sys.exit('av' in sys.modules or 'PIL' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
