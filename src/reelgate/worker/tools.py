"""What every step of a job works with."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from reelgate.clock import Clock
from reelgate.media.keep import Keeper
from reelgate.providers.base import Provider
from reelgate.store.account import Account
from reelgate.store.videos import Videos
from reelgate.worker.laws import Laws
from reelgate.worker.looks import Looks
from reelgate.worker.receipts import Receipts
from reelgate.worker.turnstile import Turnstile


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often; seconds."""

    submit_attempts: int = 8
    unplayable_files: int = 15
    """So many times a whole file that does not play is fetched: for two minutes, not an hour."""
    job_timeout_s: float = 3600.0
    """For the rendering, and as long again for the fetching of what is ready."""
    retention_s: float | None = None
    submit_lease_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """One upstream account.

    Attributes:
        account: its limits as all processes count them together.
        turnstile: this process's line for it.
        looks: when this process may look.
    """

    account: Account
    turnstile: Turnstile
    looks: Looks


@dataclass(frozen=True, slots=True)
class Tools:
    """Shared by all jobs of a process; `keeper` is None where files stay upstream."""

    videos: Videos
    laws: Laws
    providers: Mapping[str, Provider]
    keeper: Keeper | None
    clock: Clock
    limits: Limits
    upstreams: Mapping[str, Upstream]
    dice: random.Random = field(default_factory=random.Random)
    sending: set[str] = field(default_factory=set)
    """The videos whose submit waits for the upstream's answer."""
    receipts: Receipts | None = None
    """Where an accepted submit is kept while the database does not take it."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to end: what cannot be written down then is given up."""
