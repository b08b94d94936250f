"""OpenRouter's settings."""

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


class OpenRouterSettings(ApiSettings):
    """One key of OpenRouter."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("openrouter"))

    title: ClassVar[str] = "OpenRouter"
    credential: ClassVar[str] = "OPENROUTER_API_KEY"
    example_model: ClassVar[str] = "google/veo-3.1"

    key: SecretStr = key_field("openrouter", "OPENROUTER_API_KEY")
    api_url: str = url_field("openrouter", "https://openrouter.ai/api/v1", "OpenRouter's API.")
    more_models: str = models_field("openrouter")
