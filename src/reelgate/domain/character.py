"""A character: somebody or something in a video that an upstream account has learned to show."""

from __future__ import annotations

from dataclasses import dataclass

import uuid_utils


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """One character.

    Attributes:
        id: its id here.
        owner: who has made it, and alone sees it.
        provider: the account that keeps it.
        provider_id: its id there.
        created_at: Unix seconds.
    """

    id: str
    owner: str
    provider: str
    provider_id: str
    name: str
    created_at: float

    def described(self) -> dict[str, str | int]:
        """It as OpenAI's SDKs read it."""
        return {"id": self.id, "created_at": int(self.created_at), "name": self.name}


def new_character_id() -> str:
    """A unique id that sorts by the time it was made."""
    return f"char_{uuid_utils.uuid7().hex}"
