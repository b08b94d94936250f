"""Kling's settings."""

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


class KlingSettings(ApiSettings):
    """One key of Kling: an API key, or an access key and a secret key as `ACCESS:SECRET`."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("kling"))

    title: ClassVar[str] = "Kling"
    credential: ClassVar[str] = "KLING_API_KEY"
    example_model: ClassVar[str] = "kling-v2-5-turbo"

    key: SecretStr = key_field("kling", "KLING_API_KEY")
    api_url: str = url_field(
        "kling",
        "https://api-singapore.klingai.com",
        "Kling's API. Its key may be an access key and a secret key, as `ACCESS:SECRET`.",
    )
    more_models: str = models_field("kling")
