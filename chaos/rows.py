"""What the database says of a video, as far as the audit asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A video in the database; `file_key` is where its file is kept."""

    id: str
    prompt: str
    state: str
    provider_id: str | None = None
    """The upstream's own id: what comes before it in the row leads there."""
    failure: str | None = None
    sha256: str | None = None
    file_key: str | None = None
    webhook_url: str | None = None
    has_price: bool = False
    """Whether it is known what it cost."""
    provider: str = "imagine"
    corrects: str | None = None
    """The failure that it was told to have ended with, before its video was found after all."""
    passed_over: int = 0
    """How many targets of a virtual model were passed over."""

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Row:
        """Read the columns that matter here."""
        failure = json.loads(columns["failure"]) if columns["failure"] else {}
        file = json.loads(columns["file"]) if columns["file"] else {}
        corrects = json.loads(columns["corrects"]) if columns["corrects"] else {}
        return cls(
            id=columns["id"],
            prompt=json.loads(columns["request"])["prompt"],
            state=columns["state"],
            provider_id=own_id(columns["provider_id"]),
            provider=columns["provider"],
            passed_over=len(json.loads(columns["route"])["passed"]) if columns["route"] else 0,
            failure=failure.get("code"),
            corrects=corrects.get("code"),
            sha256=file.get("sha256"),
            file_key=file.get("key"),
            webhook_url=columns["webhook_url"],
            has_price=columns["cost"] is not None,
        )

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What its callers may have been told of its end, in the order in which it was true."""
        last = self.failure or self.state
        return (last,) if self.corrects is None else (self.corrects, last)

    @property
    def ends(self) -> tuple[str, ...]:
        """The events that tell of its end, in their order."""
        last = f"video.{self.state}"
        return (last,) if self.corrects is None else ("video.failed", last)

    @property
    def is_over(self) -> bool:
        """Whether it has come to its end."""
        return self.state in {"completed", "failed"}


def own_id(provider_id: str | None) -> str | None:
    """The last part of an id that is a path at its provider."""
    return None if provider_id is None else provider_id.rpartition("/")[2]
