"""Fails unless a file is a playable video of so many seconds and this frame."""

import sys

import av

path, seconds, frame = sys.argv[1:]
with av.open(path) as movie:
    stream = movie.streams.video[0]
    pictures = sum(1 for _ in movie.decode(stream))
    found = (round((movie.duration or 0) / av.time_base, 2), f"{stream.width}x{stream.height}")
if found != (float(seconds), frame) or pictures == 0:
    sys.exit(f"{path}: {found}, {pictures} pictures; expected {seconds} s, {frame}")
sys.stdout.write(f"{path}: {found[0]} s, {found[1]}, {pictures} pictures\n")
