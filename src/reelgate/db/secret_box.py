"""Secrets at rest: encrypted with a key that is a setting, or a file that only its owner reads."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from reelgate.db.private_files import FILE_MODE, HAS_MODES, OTHERS
from reelgate.errors import SecretsUnreadable
from reelgate.net.secret_keys import HOW_TO_MAKE_ONE, KEY_BYTES, decode_keys

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

KEY_FILE = "secret.key"


class SecretBox:
    """Encrypts and decrypts, with a key that is read, or made, when it is first needed."""

    def __init__(self, keys: str, data_dir: Path) -> None:
        """Use the keys of the setting, or else the file in the data folder."""
        self._keys = keys
        self._file = data_dir / KEY_FILE

    @property
    def key_named(self) -> str:
        """What a message calls the key."""
        return "REELGATE_SECRET_KEY" if self._keys.strip() else f"the key file {self._file}"

    def seal(self, plain: bytes) -> bytes:
        """The text, encrypted and signed.

        Raises:
            SecretsUnreadable: there is no key that can be used.
        """
        return self._fernet(make=True).encrypt(plain)

    def open(self, sealed: bytes, remedy: str = "") -> bytes:
        """The text that was encrypted; `remedy`: what helps beside the right key.

        Raises:
            SecretsUnreadable: with another key, or there is no key that can be used.
        """
        # It takes 30 ms to load, and most gateways keep no secret.
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._fernet(make=False, remedy=remedy).decrypt(sealed)
        except InvalidToken:
            message = (
                "The credential in the database was written with another key than"
                f" {self.key_named}. Bring that key back (every gateway on one database needs the"
                f" same REELGATE_SECRET_KEY){or_else(remedy)}."
            )
            raise SecretsUnreadable(message) from None

    def check(self) -> None:
        """See whether the key can be used, without making one.

        Raises:
            SecretsUnreadable: it cannot.
        """
        if self._keys.strip() or self._file.exists():
            self._fernet(make=False)

    def _fernet(self, *, make: bool, remedy: str = "") -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 - see `open`

        return MultiFernet([Fernet(key) for key in self._read_keys(make=make, remedy=remedy)])

    def _read_keys(self, *, make: bool, remedy: str) -> tuple[bytes, ...]:
        if self._keys.strip():
            return decode_keys(self._keys)
        try:
            if make and not self._file.exists():
                make_key_file(self._file)
            mode, text = self._file.stat().st_mode, self._file.read_text(encoding="ascii")
        except FileNotFoundError:
            message = (
                f"The credential in the database cannot be read: {self.key_named} is missing. Put"
                f" it back or set REELGATE_SECRET_KEY{or_else(remedy)}."
            )
            raise SecretsUnreadable(message) from None
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SecretsUnreadable(f"{self.key_named} cannot be read: {said}.") from None
        if HAS_MODES and mode & OTHERS:
            message = (
                f"Other users of this machine may read {self.key_named} (mode {mode & 0o777:o}),"
                f" so it is not used: run `chmod 600 {self._file}`, or set REELGATE_SECRET_KEY."
            )
            raise SecretsUnreadable(message)
        try:
            keys = decode_keys(text)
        except ValueError as error:
            message = f"{self.key_named} holds no key: {error}"
            raise SecretsUnreadable(message) from None
        if not keys:
            raise SecretsUnreadable(f"{self.key_named} is empty: {HOW_TO_MAKE_ONE}")
        return keys


def or_else(remedy: str) -> str:
    """The end of a sentence."""
    return f", or {remedy}" if remedy else ""


def make_key_file(path: Path) -> None:
    """Write a new key for its owner alone, unless another process was faster.

    The file appears with its key in it: a link is made at once, or not at all.

    Raises:
        OSError: it cannot be written.
    """
    key = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES))
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
