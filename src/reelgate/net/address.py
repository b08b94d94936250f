"""Where the gateway of a data folder listens: a small file that other programs find it by."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger()

FILE_NAME = "server.url"


def leave_address(folder: Path, url: str) -> None:
    """Write down that the gateway of this folder is reached at `url`.

    The file appears whole or not at all, so that nobody reads half an address. A full disk is no
    reason not to serve: without the file the gateway is found by its address only.
    """
    partial = folder / f"{FILE_NAME}.new"
    try:
        partial.write_text(f"{url}\n", encoding="utf-8")
        partial.replace(folder / FILE_NAME)
    except OSError as error:
        log.warning("address_not_left", error=os.strerror(error.errno or 0))


def remove_address(folder: Path, url: str) -> None:
    """Take the address away before the gateway stops, unless another gateway left its own since."""
    if find_address(folder) == url:
        (folder / FILE_NAME).unlink(missing_ok=True)


def find_address(folder: Path) -> str | None:
    """The address somebody left in this folder; a gateway that was killed leaves a dead one."""
    with suppress(OSError, UnicodeDecodeError):
        return (folder / FILE_NAME).read_text(encoding="utf-8").strip() or None
    return None
