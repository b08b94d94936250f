"""Replicate's settings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from reelgate.net.hosts import http_url
from reelgate.providers.api_settings import (
    ApiSettings,
    key_field,
    models_field,
    prefix_of,
    url_field,
)
from reelgate.settings import split

PREFIX = prefix_of("replicate")
FILE_ORIGINS = "https://replicate.delivery"
LEAST_CANCEL_AFTER_S = 5


class ReplicateSettings(ApiSettings):
    """One token of replicate.com."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    title: ClassVar[str] = "Replicate"
    credential: ClassVar[str] = "REPLICATE_API_TOKEN"
    example_model: ClassVar[str] = "google/veo-3.1"

    key: SecretStr = key_field("replicate", "REPLICATE_API_TOKEN")
    api_url: str = url_field("replicate", "https://api.replicate.com/v1", "Replicate's API.")
    more_models: str = models_field("replicate")
    file_origins: str = Field(
        FILE_ORIGINS,
        validation_alias=AliasChoices(f"{PREFIX}FILE_ORIGINS"),
        description=(
            "Where finished videos are that want the key, separated by commas; each with its"
            " subdomains. Replicate documents the default. Empty: the key goes to the API alone."
        ),
    )
    cancel_after_s: int = Field(
        0,
        validation_alias=AliasChoices(f"{PREFIX}CANCEL_AFTER_S"),
        description=(
            "Seconds after which Replicate itself cancels a job, at least 5; 0: never. One that has"
            " not begun by then costs nothing."
        ),
    )

    @field_validator("file_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for each in split(value):
            if not http_url(each).startswith("https://"):
                message = f"{each!r} is no https:// address: the key goes nowhere without TLS"
                raise ValueError(message)
        return value

    @field_validator("cancel_after_s")
    @classmethod
    def _is_deadline(cls, value: int) -> int:
        if value and value < LEAST_CANCEL_AFTER_S:
            message = f"{value} is no deadline: it takes 0 or at least {LEAST_CANCEL_AFTER_S}"
            raise ValueError(message)
        return value
