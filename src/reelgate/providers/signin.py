"""What a provider declares at which people sign in, instead of pasting a key.

The command line opens the browser and asks where videos go; the gateway keeps the credential
encrypted, and the provider renews it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from reelgate.domain.credentials import Credential, CredentialKind, Tokens
from reelgate.errors import UpstreamUnauthorized


class SignInFailed(UpstreamUnauthorized):
    """The sign-in did not lead to a token."""


class Attempt(Protocol):
    """One sign-in under way."""

    @property
    def address(self) -> str:
        """What to open in a browser."""
        ...

    def code_in(self, redirected: str) -> str:
        """The code in the address that the browser was sent back to.

        Raises:
            SignInFailed: it holds none, or belongs to another sign-in.
        """
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """An organisation or a folder."""

    id: str
    name: str


class Places(Protocol):
    """The organisations that may pay, and the folders for videos, as a credential may use them."""

    @property
    def needs_folder(self) -> bool:
        """Whether videos must be put in a folder; they go to the workspace's root else."""
        ...

    async def organisations(self) -> Sequence[Named]:
        """The organisations that the credential belongs to.

        Raises:
            UpstreamError: they are not told; `UpstreamUnauthorized` where it is refused.
        """
        ...

    async def folders(self, org_id: str) -> Sequence[Named]:
        """The folders of an organisation that videos can be put in.

        Raises:
            UpstreamError: they are not told.
        """
        ...


class CredentialStore(Protocol):
    """Where credentials are kept, for all processes."""

    async def find(self, account: str) -> Credential | None:
        """The credential; None where there is none.

        Raises:
            SecretsUnreadable: it was written with another key.
        """
        ...

    async def kind_of(self, account: str) -> CredentialKind | None:
        """What kind of credential an account has, which no key is needed for."""
        ...

    async def seed(self, credential: Credential) -> None:
        """Keep the settings' credential, unless it was made from these settings before."""
        ...

    async def claim(self, credential: Credential, holder: str, lease_s: float) -> bool:
        """Take the lease to renew this version; False where somebody else has it, or had it."""
        ...

    async def renewed(
        self,
        credential: Credential,
        tokens: Tokens,
        obtained_at_s: float,
        expires_at_s: float | None,
    ) -> bool:
        """Keep the new tokens and let go of the lease."""
        ...

    async def release(
        self, credential: Credential, holder: str, *, in_doubt: bool, pause_s: float
    ) -> None:
        """Let go of the lease without new tokens."""
        ...

    async def die(self, credential: Credential, why: str) -> None:
        """This version cannot be renewed any more."""
        ...


class SignIn(Protocol):
    """Signing in at one account, with its settings and whatever credential is kept of it."""

    @property
    def in_settings(self) -> str:
        """The variable by which the settings hold a credential, too; empty: they hold none."""
        ...

    @property
    def place_in_settings(self) -> Sequence[str]:
        """The variables of organisation and folder that go before those that were chosen."""
        ...

    async def begin(self, redirect_uri: str) -> Attempt:
        """Prepare a sign-in that ends at an address of ours.

        Raises:
            UpstreamError: the provider does not let us.
        """
        ...

    async def redeem(self, attempt: Any, code: str) -> Credential:  # noqa: ANN401 - what `begin` made
        """Trade the code for what is to be kept.

        Raises:
            UpstreamError: no tokens came; says what came instead.
        """
        ...

    def places(self, credential: Credential) -> Places:
        """The places that a credential may use which is not kept yet."""
        ...

    def kept_places(self, store: CredentialStore) -> AbstractAsyncContextManager[Places]:
        """The places of the best credential there is; a renewal that this begins is waited for."""
        ...

    async def use_kept(
        self,
        provider: Any,  # noqa: ANN401 - what the provider itself has built
        store: CredentialStore,
        stack: AsyncExitStack,
    ) -> None:
        """Let the account's adapter use the best credential there is, and keep it fresh.

        Until the stack is closed, whether or not anybody makes a video.
        """
        ...
