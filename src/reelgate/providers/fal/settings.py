"""fal's settings."""

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


class FalSettings(ApiSettings):
    """One key of fal.ai."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("fal"))

    title: ClassVar[str] = "fal"
    credential: ClassVar[str] = "FAL_KEY"
    example_model: ClassVar[str] = "fal-ai/veo3.1"

    key: SecretStr = key_field("fal", "FAL_KEY")
    api_url: str = url_field("fal", "https://queue.fal.run", "fal's queue.")
    more_models: str = models_field("fal")
