"""xAI's settings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from reelgate.providers.api_settings import (
    ApiSettings,
    key_field,
    models_field,
    prefix_of,
    url_field,
)


class XaiSettings(ApiSettings):
    """One key of xAI."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("xai"))

    title: ClassVar[str] = "xAI"
    credential: ClassVar[str] = "XAI_API_KEY"
    example_model: ClassVar[str] = "grok-imagine-video"

    key: SecretStr = key_field("xai", "XAI_API_KEY")
    api_url: str = url_field("xai", "https://api.x.ai/v1", "xAI's API.")
    more_models: str = models_field("xai")
