from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from reelgate.rendering.clip import Clip, frame_size_px, make_clip, shrink
from reelgate.rendering.render import render
from reelgate.rendering.text import fit, runs

CLIP = Clip("a cat eating hotdogs", 640, 360, 2)


def written(clip: Clip, folder: Path) -> Path:
    path = folder / f"{clip.key}.mp4"
    render(clip, path)
    return path


def frames(path: Path) -> list[Image.Image]:
    with av.open(str(path)) as container:
        return [picture(frame) for frame in container.decode(video=0)]


def picture(frame: av.VideoFrame) -> Image.Image:
    plane = frame.reformat(format="rgb24").planes[0]
    size = (frame.width, frame.height)
    return Image.frombytes("RGB", size, bytes(plane), "raw", "RGB", plane.line_size)


def brightest(image: Image.Image, box: tuple[int, int, int, int]) -> int:
    return max(
        value for value, count in enumerate(image.convert("L").crop(box).histogram()) if count
    )


def difference(left: Image.Image, right: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(left, right)).mean)


def boxes(path: Path) -> list[bytes]:
    data, at, kinds = path.read_bytes(), 0, []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return kinds


@pytest.mark.parametrize(
    ("ratio", "duration", "resolution", "size"),
    [
        ("16:9", 5, "720p", (1280, 720)),
        ("9:16", 1, "720p", (720, 1280)),
        ("4:3", 1, "720p", (960, 720)),
        ("1:1", 1, "720p", (720, 720)),
        ("21:9", 3, "480p", (1120, 480)),
        ("2:3", 1, "540p", (540, 810)),
        ("16:9", 1, "1080p", (1920, 1080)),
    ],
)
def test_a_clip_has_exactly_the_asked_length_and_size(
    tmp_path: Path, ratio: str, duration: int, resolution: str, size: tuple[int, int]
) -> None:
    clip = make_clip("a cat", ratio=ratio, duration=str(duration), resolution=resolution)
    path = written(clip, tmp_path)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert container.duration == duration * av.time_base
        assert (video.width, video.height) == size
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert video.frames == sum(1 for _ in container.decode(video))
    kinds = boxes(path)
    assert kinds.index(b"moov") < kinds.index(b"mdat")


def test_every_size_the_models_know_is_even() -> None:
    for ratio in ("21:9", "16:9", "9:16", "3:4", "4:3", "1:1", "2:3", "3:2", "auto"):
        for resolution in ("360p", "480p", "540p", "720p", "1080p", "1440p", "2160p", "4k"):
            width, height = frame_size_px(ratio, resolution)
            assert width % 2 == height % 2 == 0, (ratio, resolution)
    assert frame_size_px("16:9", "4k") == (3840, 2160)


def test_auto_means_16_to_9_and_5_seconds() -> None:
    clip = make_clip("a", ratio="auto", duration="auto", resolution="")
    assert (clip.width_px, clip.height_px, clip.duration_s) == (1280, 720, 5)


def test_the_picture_moves(tmp_path: Path) -> None:
    first, *_, last = frames(written(CLIP, tmp_path))[: CLIP.duration_s * 12]
    assert difference(first, last) > 3


def test_another_prompt_gives_another_picture(tmp_path: Path) -> None:
    one, other = (
        frames(written(replace(CLIP, prompt=prompt), tmp_path))[0] for prompt in ("a cat", "a dog")
    )
    assert difference(one, other) > 3


def test_the_prompt_stands_in_white_in_the_middle(tmp_path: Path) -> None:
    blank, words = (
        frames(written(replace(CLIP, prompt=prompt), tmp_path))[0]
        for prompt in ("\u200b", "HHHHHHHHHHHH")
    )
    middle = (120, 150, 520, 210)
    assert brightest(blank, middle) < 200
    assert brightest(words, middle) > 240


def test_the_watermark_stands_at_the_lower_right(tmp_path: Path) -> None:
    first = frames(written(CLIP, tmp_path))[0]
    assert brightest(first, (540, 310, 640, 352)) > 200
    assert brightest(first, (540, 10, 640, 52)) < 200


def test_the_same_request_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    here = written(CLIP, tmp_path)
    there = tmp_path / "there.mp4"
    program = (
        "import sys; from pathlib import Path; from reelgate.rendering.clip import Clip;"
        "from reelgate.rendering.render import render;"
        f"render(Clip({CLIP.prompt!r}, 640, 360, 2), Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, str(there)], check=True)
    assert here.read_bytes() == there.read_bytes()


def test_two_thousand_characters_fit_and_what_cannot_ends_in_an_ellipsis() -> None:
    box = {"width_px": 1075, "height_px": 504, "most_px": 63, "least_px": 14}
    whole = fit("word " * 400, **box)
    assert sum(line.count("word") for line in whole.lines) == 400
    assert whole.height_px <= 504
    cut = fit("word " * 4000, **box)
    assert cut.lines[-1].endswith("…")
    assert cut.height_px <= 504


@pytest.mark.parametrize(
    "text", ["Ж", "ß", "猫", "を", "고", "قطة", "ע", "कुत्ता", "ไทย", "🌭", "—", "€"]
)
def test_other_scripts_have_letters_and_no_empty_boxes(text: str) -> None:
    ((file, run),) = runs(text)
    assert run == text
    assert (file == "NotoSans-Medium.ttf") == (text in "Жß—€")


def test_load_tests_can_have_tiny_clips_of_the_right_length(tmp_path: Path) -> None:
    clip = shrink(make_clip("a", ratio="9:16", duration="12", resolution="1080p"), 90)
    with av.open(str(written(clip, tmp_path))) as container:
        assert container.duration == 12 * av.time_base
        assert (container.streams.video[0].width, container.streams.video[0].height) == (90, 160)
