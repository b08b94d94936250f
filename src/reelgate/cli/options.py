"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from reelgate.cli.reach import Place

Server = Annotated[
    str | None,
    typer.Option(
        envvar="REELGATE_SERVER",
        metavar="URL",
        help="The gateway to talk to. Without it: the one at work in the data folder, or one of "
        "this command's own.",
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        envvar="REELGATE_API_KEY", show_envvar=True, metavar="KEY", help="The gateway's API key."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output at the end.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to save.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=0, metavar="SECONDS", help="Stop waiting after so long; the job goes on."
    ),
]
VideoId = Annotated[str, typer.Argument(metavar="VIDEO_ID", help="`video_...`")]


def place_of(server: str | None, api_key: str | None) -> Place:
    """Where the work is done; empty variables count as none."""
    return Place(server or None, api_key or None)
