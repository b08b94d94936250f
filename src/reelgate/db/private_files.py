"""Folders and files that only their owner may read, because prompts stand in them."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

import structlog

from reelgate.errors import StorageFailed

log = structlog.get_logger()

FOLDER_MODE = 0o700
FILE_MODE = 0o600
SECRET_BYTES = 32
OTHERS = stat.S_IRWXG | stat.S_IRWXO
HAS_MODES = os.name == "posix"


def private_folder(folder: Path, called: str) -> None:
    """Make a folder for its owner alone, if it is missing; one that exists stays as it is.

    `called` is what an error calls it.

    Raises:
        StorageFailed: it cannot be made, or not be written; says whose it is and what to do.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        message = f"{called} cannot be made: {error.strerror or error}"
        raise StorageFailed(message) from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise StorageFailed(not_ours(called, folder, folder.stat()))


def private_file(path: Path) -> None:
    """Make an empty file for its owner alone, if it is missing; one that exists stays as it is.

    One that exists is not even opened: to close it again would let go of every lock that SQLite
    holds on it in this process (fcntl(2)).

    Raises:
        OSError: it cannot be made.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))


def kept_secret(path: Path) -> bytes:
    """The random secret in a file that only its owner may read, made when it is first asked for.

    Raises:
        StorageFailed: it can be neither read nor made.
    """
    try:
        return path.read_bytes() or written_secret(path)
    except FileNotFoundError:
        return written_secret(path)
    except OSError as error:
        message = f"{path.name} in the data folder cannot be read: {error.strerror or error}"
        raise StorageFailed(message) from error


def written_secret(path: Path) -> bytes:
    """Write a new secret beside the file and put it in place, so that nobody reads half of it."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        private_file(fresh)
        fresh.write_bytes(secrets.token_hex(SECRET_BYTES).encode())
        with suppress(FileExistsError):
            # Unlike a rename this leaves the one that another process has made meanwhile.
            path.hardlink_to(fresh)
        return path.read_bytes()
    except OSError as error:
        message = f"{path.name} in the data folder cannot be written: {error.strerror or error}"
        raise StorageFailed(message) from error
    finally:
        fresh.unlink(missing_ok=True)


def not_ours(called: str, folder: Path, found: os.stat_result) -> str:
    """Why a folder cannot be used, as a volume that was mounted root-owned cannot."""
    if not HAS_MODES:
        return f"{called} cannot be written"
    user = os.geteuid()
    return (
        f"{called} belongs to user {found.st_uid} (mode {found.st_mode & 0o777:o}) and "
        f"this program runs as user {user}, which cannot write there: give it the folder "
        f"(`chown -R {user} {folder}`), or run it as user {found.st_uid} (`docker run --user "
        f"{found.st_uid}`; RAILWAY_RUN_UID={found.st_uid} on Railway)"
    )


def warn_if_exposed(folder: Path, *files: Path) -> None:
    """Log that other users of this machine may read what is kept, where somebody else made it.

    A file is told only where its folder lets others pass.
    """
    if not HAS_MODES or not folder.is_dir():
        return
    mode = folder.stat().st_mode
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        warn(folder, mode, FOLDER_MODE)
    if mode & (stat.S_IXGRP | stat.S_IXOTH):
        for file in files:
            if file.is_file() and file.stat().st_mode & OTHERS:
                warn(file, file.stat().st_mode, FILE_MODE)


def warn(path: Path, mode: int, private: int) -> None:
    """Say that others may read something, and what would change that."""
    log.warning(
        "readable_by_others",
        path=str(path),
        mode=f"{mode & 0o777:o}",
        remedy=f"chmod {private:o} {path}",
    )
