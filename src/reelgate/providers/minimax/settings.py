"""MiniMax's settings."""

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


class MiniMaxSettings(ApiSettings):
    """One key of MiniMax."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("minimax"))

    title: ClassVar[str] = "MiniMax"
    credential: ClassVar[str] = "MINIMAX_API_KEY"
    example_model: ClassVar[str] = "MiniMax-H3"

    key: SecretStr = key_field("minimax", "MINIMAX_API_KEY")
    api_url: str = url_field(
        "minimax",
        "https://api.minimax.io",
        "The API where the key was made; in China https://api.minimaxi.com.",
    )
    more_models: str = models_field("minimax")
