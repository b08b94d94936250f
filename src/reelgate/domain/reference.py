"""A reference: a picture, video or sound that a video is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a reference is."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class Role(StrEnum):
    """What a reference is for."""

    FIRST_FRAME = "first_frame"  # the video begins with this picture
    LAST_FRAME = "last_frame"  # and ends with this one
    REFERENCE = "reference"  # how something looks, moves or sounds; in the order of the request
    EDIT = "edit"  # this video is changed as the prompt says
    EXTEND = "extend"  # this video goes on as the prompt says


SOURCE_ROLES = frozenset({Role.EDIT, Role.EXTEND})
"""Of the video that another one is made of."""
OWN = "own:"
"""Begins the address of a video that the account has made itself: its id there follows."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference of a request.

    Attributes:
        url: where the upstream can read it, or the name under which its bytes are kept for the
            submit, or `OWN` and an id.
        digest: SHA-256 of its bytes, in hexadecimal; None where only its address is known.
    """

    kind: Kind
    role: Role
    url: str
    digest: str | None = None

    @property
    def is_first_frame(self) -> bool:
        """Whether the video begins with it."""
        return self.role is Role.FIRST_FRAME and self.kind is Kind.IMAGE

    @property
    def own_id(self) -> str | None:
        """The id at the account that is asked, of a video that it made; None of any other."""
        return self.url.removeprefix(OWN) if self.url.startswith(OWN) else None


LEGACY_URL, LEGACY_DIGEST, LATER = "reference_url", "reference_digest", "references"
"""The names in stored requests: those of a first frame, and of every other reference.

The first release knew one picture, to begin with: see docs/adr/0014-fingerprints.md.
"""
KEYS = frozenset({"kind", "role", "url", "digest"})
KINDS, ROLES = (frozenset(each.value for each in words) for words in (Kind, Role))


def as_json(references: Iterable[Reference]) -> dict[str, Any]:
    """References as stored requests hold them; `LATER` is there only where there are such."""
    later = list(references)
    told: dict[str, Any] = {LEGACY_URL: None, LEGACY_DIGEST: None}
    if later and later[0].is_first_frame:
        first = later.pop(0)
        told = {LEGACY_URL: first.url, LEGACY_DIGEST: first.digest}
    if later:
        told[LATER] = [
            {"kind": each.kind, "role": each.role, "url": each.url, "digest": each.digest}
            for each in later
        ]
    return told


def without_addresses(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same without the address of whatever counts by its content."""
    counted = {name: value for name, value in told.items() if name != LATER}
    if counted[LEGACY_DIGEST] is not None:
        del counted[LEGACY_URL]
    if LATER in told:
        counted[LATER] = [
            {name: value for name, value in each.items() if name != "url"}
            if each.get("digest") is not None
            else each
            for each in told[LATER]
        ]
    return counted


def taken_from(stored: dict[str, Any]) -> tuple[Reference, ...]:
    """Take the references out of a stored request; what only a newer version knows stays in it."""
    url, digest = stored.pop(LEGACY_URL, None), stored.pop(LEGACY_DIGEST, None)
    first = () if url is None else (Reference(Kind.IMAGE, Role.FIRST_FRAME, url, digest),)
    if not all(is_known(each) for each in stored.get(LATER) or ()):
        return first
    later = stored.pop(LATER, None) or ()
    return (
        *first,
        *(
            Reference(Kind(each["kind"]), Role(each["role"]), each["url"], each["digest"])
            for each in later
        ),
    )


def is_known(told: Mapping[str, Any]) -> bool:
    """Whether a stored reference is all that `Reference` holds."""
    return told.keys() == KEYS and told["kind"] in KINDS and told["role"] in ROLES
