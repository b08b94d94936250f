"""A clip's request turned into an MP4: H.264, yuv420p, index first, the same bytes every time.

The background is drawn small and enlarged by libswscale; the text is drawn once and laid over
every frame by libavfilter. No pixel of the full size is touched in Python.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.filter import Graph

from reelgate.rendering.picture import Layer, make_field, text_layer, time_bar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.filter.context import FilterContext
    from PIL import Image

    from reelgate.rendering.clip import Clip

FPS_BY_SHORT_SIDE_PX = ((200, 5), (720, 24))
LARGE_FPS = 12
"""Tiny clips come from load tests, which count files, not frames; large ones cost most a frame."""

MUXER_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}
X264_OPTIONS = {
    "preset": "ultrafast",
    "qp": "24",
    "x264-params": "deblock=0,0",
    "threads": "1",
    "bf": "0",
}
"""One thread and no B-frames: the same bytes each time, and exactly the asked duration.

A constant quantiser spares x264 the look ahead, a quarter of its time; deblocking keeps gradients
smooth.
"""

PIXELS = "rgba"
"""What PyAV takes as bytes without NumPy."""

SCALER = "bicubic+accurate_rnd+bitexact"


def render(clip: Clip, path: Path) -> None:
    """Write a clip's MP4 to a path.

    Raises:
        OSError: If the file cannot be written.
    """
    fps = _fps(clip)
    with av.open(str(path), "w", format="mp4", options=MUXER_OPTIONS) as container:
        stream = container.add_stream("libx264", rate=fps, options=X264_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = clip.width_px, clip.height_px, "yuv420p"
        stream.codec_context.gop_size = 2 * fps
        for frame in _frames(clip, fps):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _fps(clip: Clip) -> int:
    small = (fps for side_px, fps in FPS_BY_SHORT_SIDE_PX if clip.short_side_px <= side_px)
    return next(small, LARGE_FPS)


def _frames(clip: Clip, fps: int) -> Iterator[av.VideoFrame]:
    """Yield the clip's frames, each with its time stamp."""
    field = make_field(clip.prompt, clip.width_px, clip.height_px)
    step, number_of_frames = Fraction(1, fps), clip.duration_s * fps
    first: av.VideoFrame | None = None
    _, source, sink = _graph(clip, (field.width_px, field.height_px), step)
    for number in range(number_of_frames):
        source.push(_picture(field.draw(number / number_of_frames), number, step))
        frame = first if first is not None and clip.is_still else sink.pull()
        if not isinstance(frame, av.VideoFrame):
            raise TypeError("the filters gave no picture")
        first = frame
        frame.pts, frame.time_base = number, step
        yield frame


def _graph(
    clip: Clip, field_px: tuple[int, int], step: Fraction
) -> tuple[Graph, FilterContext, FilterContext]:
    """Build enlarge -> text -> time bar; returns it with its source and its sink."""
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=field_px[0], height=field_px[1], format=av.VideoFormat(PIXELS), time_base=step
    )
    size = f"{clip.width_px}:{clip.height_px}"
    enlarged = graph.add("scale", f"{size}:flags={SCALER}:out_color_matrix=bt709")
    planes = graph.add("format", "yuv420p")
    sink = graph.add("buffersink")
    words, bar = text_layer(clip), time_bar(clip)
    still = graph.add("overlay", f"{words.x_px}:{words.y_px}:eof_action=repeat")
    slide = f"x='-W+W*t/{clip.duration_s}':y={bar.y_px}"
    moving = graph.add("overlay", f"{slide}:eval=frame:eof_action=repeat")
    graph.link_nodes(source, enlarged, planes, still, moving, sink)
    layers = [(_lay(graph, words, still, step), words), (_lay(graph, bar, moving, step), bar)]
    graph.configure()
    for buffer, layer in layers:
        buffer.push(_picture(layer.image, 0, step))
        buffer.push(None)
    return graph, source, sink


def _lay(graph: Graph, layer: Layer, over: FilterContext, step: Fraction) -> FilterContext:
    """Connect a layer's own source to the second input of an overlay."""
    buffer = graph.add_buffer(
        width=layer.image.width,
        height=layer.image.height,
        format=av.VideoFormat(PIXELS),
        time_base=step,
    )
    planes = graph.add("format", "yuva420p")
    buffer.link_to(planes)
    planes.link_to(over, 0, 1)
    return buffer


def _picture(image: Image.Image, number: int, step: Fraction) -> av.VideoFrame:
    """Copy a Pillow image into a frame."""
    width_px, height_px = image.size
    pixels = image.convert("RGBA").tobytes()
    frame = av.VideoFrame.from_bytes(pixels, width_px, height_px, format=PIXELS)
    frame.pts, frame.time_base = number, step
    return frame
