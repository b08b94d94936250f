"""Runway's settings."""

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


class RunwaySettings(ApiSettings):
    """One key of Runway's API, which is not the one of its web application."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("runway"))

    title: ClassVar[str] = "Runway"
    credential: ClassVar[str] = "RUNWAYML_API_SECRET"
    example_model: ClassVar[str] = "gen4.5"

    key: SecretStr = key_field("runway", "RUNWAYML_API_SECRET")
    api_url: str = url_field("runway", "https://api.dev.runwayml.com/v1", "Runway's API.")
    more_models: str = models_field("runway")
