"""The Gemini API's settings."""

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


class GeminiSettings(ApiSettings):
    """One key of Google AI Studio."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("gemini"))

    title: ClassVar[str] = "Gemini"
    credential: ClassVar[str] = "GEMINI_API_KEY"
    example_model: ClassVar[str] = "veo-3.1-generate-preview"

    key: SecretStr = key_field("gemini", "GEMINI_API_KEY")
    api_url: str = url_field(
        "gemini", "https://generativelanguage.googleapis.com/v1beta", "The Gemini API."
    )
    more_models: str = models_field("gemini")
