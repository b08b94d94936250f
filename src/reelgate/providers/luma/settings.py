"""Luma's settings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from reelgate.providers.api_settings import (
    ApiSettings,
    key_field,
    models_field,
    prefix_of,
    url_field,
)


class LumaSettings(ApiSettings):
    """One key of Luma's Dream Machine API."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("luma"))

    title: ClassVar[str] = "Luma"
    credential: ClassVar[str] = "LUMAAI_API_KEY"
    example_model: ClassVar[str] = "ray-2"

    key: SecretStr = key_field("luma", "LUMAAI_API_KEY")
    api_url: str = url_field(
        "luma", "https://api.lumalabs.ai/dream-machine/v1", "Luma's Dream Machine API."
    )
    more_models: str = models_field("luma")
    data_urls: bool = Field(
        default=False,
        validation_alias=AliasChoices(f"{prefix_of('luma')}DATA_URLS"),
        description="Take pictures, and send them as `data:` URLs, which Luma does not document."
        " Without it the models take none: Luma reads pictures at public addresses only.",
    )
