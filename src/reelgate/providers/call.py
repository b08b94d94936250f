"""One request to an API, and what its answer was read to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reelgate.domain.price import Money
from reelgate.errors import UpstreamError
from reelgate.net.client import FilePart
from reelgate.providers.words import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to an API.

    Attributes:
        method: the HTTP method.
        path: below the account's base, or a whole address, which must have the base's origin.
        query: what goes into the query.
        json: the body as JSON; None: there is none.
        form: the parts of a `multipart/form-data` body instead.
        file: a file in that form.
        headers: beside the credentials.
    """

    method: str = "GET"
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    form: Sequence[tuple[str, str]] | None = None
    file: FilePart | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VendorError:
    """An error in a vendor's own words.

    Attributes:
        says: its sentence.
        code: its code.
        kind: what it is; None: what the HTTP status says.
        wait_s: how long it asks to wait, in seconds; None: it does not say.
    """

    says: str = ""
    code: str = ""
    kind: type[UpstreamError] | None = None
    wait_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an upstream says of a job.

    Attributes:
        word: what its status means.
        status: the status as it is spelled there.
        url: where its video is; empty where none is told.
        reason: why it ended.
        progress: 0 to 100, where it is told.
        cost: what it was charged, where it is told.
    """

    word: Word
    status: str = ""
    url: str = ""
    reason: str = ""
    progress: int | None = None
    cost: Money | None = None
