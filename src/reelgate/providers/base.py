"""What a provider must be able to do.

An adapter translates: it never sleeps, retries, logs or touches the database. It tells foreign
errors as the `UpstreamError`s of `reelgate.errors`, and the worker decides what follows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeGuard

from reelgate.domain.catalog import Model
from reelgate.domain.picture import Picture
from reelgate.domain.price import Money
from reelgate.domain.video import VideoRequest
from reelgate.providers.expiry import CredentialEnd

if TYPE_CHECKING:
    from reelgate.providers.call import Call

MAX_BATCH_ID_CHARS = 512
MAX_COST = 2**31 - 1
"""What every database of ours can hold, in whole credits or millionths of a dollar."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What the upstream said when it accepted a job; `cost`: what it will charge.

    The job is paid for, so a batch or a cost that cannot be kept is dropped and the job goes on.
    """

    provider_id: str
    batch_id: str = ""
    cost: Money | None = None

    def __post_init__(self) -> None:
        # No database holds NUL or half a surrogate pair; neither is printable.
        if not self.batch_id.isprintable() or len(self.batch_id) > MAX_BATCH_ID_CHARS:
            object.__setattr__(self, "batch_id", "")
        object.__setattr__(self, "cost", storable(self.cost))


@dataclass(frozen=True, slots=True)
class Running:
    """Not ready yet; `progress` 0-99 where the upstream tells it."""

    progress: int | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The upstream really serves the video now; `cost` where only now it tells what it charged."""

    cost: Money | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", storable(self.cost))


def storable(cost: Money | None) -> Money | None:
    """A cost that can be kept; None in place of any other."""
    return cost if cost is not None and 0 <= cost.amount <= MAX_COST else None


@dataclass(frozen=True, slots=True)
class Failed:
    """The upstream gave up: an error code of ours and a sentence.

    `upstream` is what the upstream said, redacted: for the log.
    """

    code: str
    message: str
    upstream: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The upstream calls the job over, but serves no video: it has failed if that stays so."""

    failed: Failed


PollResult = Running | Ready | Ended | Failed


class Match(Enum):
    """How well a job in the upstream's own list fits a submit whose answer was lost."""

    MARKER = "marker"  # it carries the marker that only this submit was sent with
    LIKENESS = "likeness"  # no job carries a marker; prompt, settings and time are the same
    HINT = "hint"  # as far as it tells, but it tells too little to be taken up


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job in the upstream's own list that may be a lost submit's."""

    submission: Submission
    match: Match


@dataclass(frozen=True, slots=True)
class Asset:
    """A finished video as the upstream serves it, while it is being read.

    `content_range` is None when the upstream sends the whole file, even if a range was asked for.
    """

    chunks: AsyncIterator[bytes]
    content_type: str
    length_bytes: int | None
    content_range: str | None = None


class CancelOutcome(Enum):
    """What became of an attempt to stop an upstream's work."""

    STOPPED = "stopped"  # it surely makes no video any more
    REQUESTED = "requested"  # it was told, and may go on and charge all the same
    IMPOSSIBLE = "impossible"  # it cannot be stopped, or is over already


Pictures = Mapping[str, Picture]
"""Reference pictures that the gateway keeps itself, by the address in the request."""
NO_PICTURES: Pictures = {}


class Poller(Protocol):
    """Polls one job, and may remember between polls which way of asking works for it."""

    async def poll(self) -> PollResult:
        """One poll: one request wherever that is enough.

        Raises:
            UpstreamError: the poll itself failed, which says nothing about the job.
        """
        ...


class Provider(Protocol):
    """One upstream account."""

    @property
    def name(self) -> str:
        """Stands in stored jobs, so it never changes."""
        ...

    @property
    def models(self) -> tuple[Model, ...]:
        """The models it makes videos with, and what each takes."""
        ...

    @property
    def expiry(self) -> CredentialEnd | None:
        """When its credential ends; None where that is not known."""
        ...

    @property
    def uploads(self) -> bool:
        """Whether it takes reference pictures ahead of the submit, by `upload_reference`.

        Where it does not, the gateway keeps them and `submit` is given them.
        """
        ...

    @property
    def min_poll_gap_s(self) -> float:
        """The least seconds between two polls of one job that the upstream asks for."""
        ...

    def typical_s(self, request: VideoRequest) -> tuple[float, float] | None:
        """The shortest and longest published rendering time in seconds; None if none is."""
        ...

    async def upload_reference(self, picture: Picture) -> str:
        """Put a reference picture where the upstream can read it; costs nothing.

        Returns:
            The address to put in `VideoRequest.reference_url`.

        Raises:
            UpstreamError: it was not taken; sending it again does no harm.
        """
        ...

    async def submit(
        self,
        request: VideoRequest,
        *,
        marker: str = "",
        pictures: Pictures = NO_PICTURES,
        push_url: str = "",
    ) -> Submission:
        """Ask for the video. This spends credits and is never idempotent.

        Args:
            request: what is asked for.
            marker: unique to this submit; goes along where the upstream has a place for it.
            pictures: the request's reference pictures, where the provider does not upload them.
            push_url: where the upstream may tell that something has changed; empty: nowhere.

        Raises:
            UpstreamError: `surely_refused` tells whether it may be sent again.
        """
        ...

    def watch(self, provider_id: str) -> Poller:
        """A way to poll an accepted job; makes no request by itself."""
        ...

    async def cancel(self, provider_id: str) -> CancelOutcome:
        """Stop the upstream's work.

        Raises:
            UpstreamError: the attempt failed.
        """
        ...

    def open_asset(
        self, provider_id: str, *, range_header: str | None = None
    ) -> AbstractAsyncContextManager[Asset]:
        """Read the finished video.

        Raises:
            UpstreamError: it could not be opened; `VideoExpired` when it is gone.
        """
        ...

    def video_url(self, provider_id: str) -> str:
        """The address at which anybody can play the finished video; empty where there is none.

        An address that holds a key, or that ends, is none.
        """
        ...


class Reconciler(Provider, Protocol):
    """A provider that can be asked what became of a submit whose answer was lost."""

    async def reconcile(
        self, request: VideoRequest, since: float, *, marker: str = ""
    ) -> Sequence[Candidate]:
        """The jobs in the upstream's own list that may be this submit's; costs nothing.

        Args:
            request: what was asked for.
            since: when it was sent, Unix seconds.
            marker: what it was sent with; empty where that is not known any more.

        Raises:
            UpstreamError: the list cannot be had; `temporary` tells whether waiting helps.
        """
        ...


class Catalogued(Provider, Protocol):
    """A provider whose upstream tells which models it has."""

    @property
    def catalogue_url(self) -> str:
        """Where its list is; one that was kept of another address is not used."""
        ...

    async def fetch_catalogue(self) -> object:
        """The upstream's list of its models as a JSON value; costs nothing.

        Raises:
            UpstreamError: it cannot be had.
        """
        ...

    def use_catalogue(self, told: object) -> None:
        """Have the models of such a list from now on; None: those that stand in our own table.

        What cannot be read in it is left out.
        """
        ...


def has_catalogue(provider: Provider) -> TypeGuard[Catalogued]:
    """Whether a provider declares `fetch_catalogue`."""
    return callable(getattr(provider, "fetch_catalogue", None))


def can_reconcile(provider: Provider) -> TypeGuard[Reconciler]:
    """Whether a provider declares `reconcile`."""
    return callable(getattr(provider, "reconcile", None))


class Previewer(Provider, Protocol):
    """A provider that tells what it would send."""

    def preview(self, request: VideoRequest) -> Call:
        """The submit as it would be sent, without credentials and what is the account's own."""
        ...


def can_preview(provider: Provider) -> TypeGuard[Previewer]:
    """Whether a provider declares `preview`."""
    return callable(getattr(provider, "preview", None))


class CharacterKeeper(Provider, Protocol):
    """A provider that learns to show somebody or something in a video."""

    async def create_character(self, name: str, video: Picture, *, model: str) -> str:
        """Have the account learn a character; never sent twice.

        Args:
            name: what prompts call it.
            video: who or what it is.
            model: who is to show it.

        Returns:
            Its id there.

        Raises:
            UpstreamError: `surely_refused` tells whether there is none now.
        """
        ...


def keeps_characters(provider: Provider) -> TypeGuard[CharacterKeeper]:
    """Whether a provider declares `create_character`."""
    return callable(getattr(provider, "create_character", None))


class CreditTeller(Provider, Protocol):
    """A provider that tells how many credits its account has left."""

    async def credits_left(self) -> int | None:
        """How many; None where the answer does not say. Costs nothing.

        Raises:
            UpstreamError: it is not told.
        """
        ...


def tells_credits(provider: Provider) -> TypeGuard[CreditTeller]:
    """Whether a provider declares `credits_left`."""
    return callable(getattr(provider, "credits_left", None))
