"""JSON codecs on what this gateway reads and writes: `python bench/json_codecs.py [--times 20000]`.

The standard library beside orjson and msgspec, in one process and one run. Those two are no
dependencies of the project: `.venv/bin/uv pip install orjson msgspec` brings them, and one that is
not there is left out. Told in microseconds of CPU for each call.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

from figures import table

STATUS = {"id": "84799116-8ea0-4742-9e0d-e350137a2b9a", "status": "processing", "url": {}}
VIDEO = {
    "id": "video_01a2046d204173529815c3ac71adc146",
    "object": "video",
    "model": "imagine-text-to-video",
    "status": "completed",
    "progress": 100,
    "created_at": 1790000000,
    "completed_at": 1790000090,
    "expires_at": None,
    "prompt": "a cat eating hotdogs in a park, in the rain, seen from above " * 2,
    "seconds": "12",
    "size": "1920x1080",
    "remixed_from_video_id": None,
    "error": None,
    "metadata": {},
    "reelgate": {
        "provider": "imagine",
        "provider_id": "84799116-8ea0-4742-9e0d-e350137a2b9a",
        "batch_id": "41f0a1a4-5b63-4b0c-b1a4-6b5c0a0a8a77",
        "video_url": "https://asset.imagine.art/processed/84799116-8ea0-4742-9e0d-e350137a2b9a",
        "aspect_ratio": "16:9",
        "resolution": "1080p",
        "cost": 2,
        "attempts": 1,
        "eta_s": None,
        "timeline": {"created_at": 1790000000.5, "completed_at": 1790000090.25},
    },
}


def codecs() -> Iterator[tuple[str, Callable[[Any], bytes], Callable[[bytes], Any]]]:
    """Each that is installed: its name, how it writes and how it reads."""
    yield "json", lambda value: json.dumps(value, separators=(",", ":")).encode(), json.loads
    for name, room in (("orjson", "orjson"), ("msgspec", "msgspec.json")):
        try:
            module = import_module(room)
        except ImportError:
            print(f"{name} is not installed", file=sys.stderr)
            continue
        write = module.dumps if name == "orjson" else module.encode
        read = module.loads if name == "orjson" else module.decode
        yield name, write, read


def microseconds(call: Callable[[], object], times: int) -> str:
    began = time.process_time()
    for _ in range(times):
        call()
    return f"{(time.process_time() - began) / times * 1e6:.2f}"


def row(
    name: str, write: Callable[[Any], bytes], read: Callable[[bytes], Any], times: int
) -> list[str]:
    video, status = write(VIDEO), write(STATUS)
    calls = (lambda: write(VIDEO), lambda: read(video), lambda: read(status))
    return [name, *(microseconds(call, times) for call in calls)]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20_000)
    times = parser.parse_args(arguments).times
    columns = ("codec", "write a video, us", "read a video, us", "read a status, us")
    print(table(columns, (row(*codec, times) for codec in codecs())))


if __name__ == "__main__":
    main(sys.argv[1:])
