"""Makes a real MP4 from a prompt with no account, and reads it back: `make demo`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out"
FILE = OUT / "cat.mp4"
DATA = ROOT / ".reelgate" / "demo"
ORDER = ("A cat eating hotdogs in a park", "--duration", "5", "--resolution", "720p")


def main() -> int:
    """Run the command line as a user would; its exit code."""
    OUT.mkdir(exist_ok=True)
    say(f'$ reelgate generate "{ORDER[0]}" {" ".join(ORDER[1:])} -o out/{FILE.name}')
    command = [sys.executable, "-m", "reelgate", "generate", *ORDER, "-o", FILE.name, "--force"]
    # In `out` there is no `.env`: whatever account is configured, a demo spends none of it.
    done = subprocess.run(command, cwd=OUT, env=environment(), check=False)
    if done.returncode == 0:
        say(f"\n{FILE.relative_to(ROOT)}: {told(FILE)}")
        say("It was made by the sandbox on this machine, not by imagine.art: no account, no cost.")
        say("Next: `make serve`, then open http://localhost:8000")
    return done.returncode


def environment() -> dict[str, str]:
    """The shell's environment without any setting of ours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REELGATE_", "IMAGINE_"))
    }
    return {**kept, "REELGATE_DATA_DIR": str(DATA)}


def told(path: Path) -> str:
    """What a video file holds, read from the file itself."""
    with av.open(path) as movie:
        stream = movie.streams.video[0]
        seconds = (movie.duration or 0) / av.time_base
        kilobytes = path.stat().st_size / 1000
        frame = f"{stream.width}x{stream.height}"
        return f"{seconds:.2f} s, {frame}, {stream.codec_context.name}, {kilobytes:.0f} kB"


def say(line: str) -> None:
    """Tell the person."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
