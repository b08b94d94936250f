"""What the settings of every upstream account have in common."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar, Self

from pydantic import Field, PrivateAttr, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from reelgate.net.hosts import http_url

PROVIDERS_PREFIX = "REELGATE_PROVIDERS__"


class ProviderSettings(BaseSettings):
    """What every provider's own settings have; a provider adds its credentials and addresses.

    A subclass sets `env_prefix` to `REELGATE_PROVIDERS__<NAME>__`, and says with what it is
    configured.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        # What an error repeats may be a secret, or an address with one in it.
        hide_input_in_errors=True,
    )

    title: ClassVar[str] = ""
    """The vendor's name, as people write it."""
    credential: ClassVar[str] = ""
    """The environment variable without which there is no account."""
    example_model: ClassVar[str] = ""
    """One of its models, the same for every account."""

    kind: str = Field(
        "",
        description="The provider that an account of another name is one of. Empty: the provider"
        " of its name.",
    )
    looks_per_s: float | None = Field(
        None, gt=0, description="REELGATE_LOOKS_PER_S for this account alone. Empty: that."
    )
    max_in_flight: int | None = Field(
        None, ge=1, description="REELGATE_MAX_IN_FLIGHT for this account alone. Empty: that."
    )
    max_submits: int | None = Field(
        None, ge=1, description="REELGATE_MAX_SUBMITS for this account alone. Empty: that."
    )
    usd_per_credit: Decimal | None = Field(
        None,
        gt=0,
        description="What one of the account's credits costs you, in US dollars: limits and usage"
        " in dollars then count its videos, too. Empty: as its models' prices say, if they do.",
    )
    sandbox_url: str = Field(
        "", description="REELGATE_SANDBOX_URL for this provider alone. Empty: that."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """An account that says whose it is has its own values only, not those of the variables.

        They are the first account's: with its key another would be paid for by the wrong one.
        """
        if isinstance(init_settings, InitSettingsSource) and init_settings.init_kwargs.get("kind"):
            return (init_settings,)
        del settings_cls
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @field_validator("looks_per_s", "max_in_flight", "max_submits", "usd_per_credit", mode="before")
    @classmethod
    def _is_given(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("sandbox_url")
    @classmethod
    def _is_sandbox_url(cls, value: str) -> str:
        return http_url(value)

    _is_signed_in: bool = PrivateAttr(default=False)

    @property
    def is_signed_in(self) -> bool:
        """Whether a credential of `reelgate login` is kept in the database."""
        return self._is_signed_in

    def after_sign_in(self) -> Self:
        """The same settings where `reelgate login` has kept a credential."""
        own = self.model_copy()
        own._is_signed_in = True  # noqa: SLF001 - of its own class
        return own

    @property
    def is_configured(self) -> bool:
        """Whether there are credentials, so that videos can be made for real."""
        return self._is_signed_in

    @property
    def model_to_try(self) -> str:
        """The model that a new user is told to try."""
        return self.example_model

    @property
    def address(self) -> str:
        """Where requests are sent, for people to read."""
        return ""

    def faults(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """What does not fit together, each with the keys that lead to it; only values were read."""
        return iter(())

    def credential_left_s(self, now_s: float) -> float | None:
        """How long the credential is good for, negative when it is over; None if not known."""
        del now_s
        return None
