"""The settings of imagine.art's key-based API."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from reelgate.providers.api_settings import ApiSettings, prefix_of

PREFIX = prefix_of("imagine_key")


class ImagineKeySettings(ApiSettings):
    """One API key and where it is good."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    title: ClassVar[str] = "imagine.art API key"
    credential: ClassVar[str] = "IMAGINE_API_KEY"
    example_model: ClassVar[str] = "kling-1.0-pro"

    key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("IMAGINE_API_KEY", f"{PREFIX}API_KEY", f"{PREFIX}KEY"),
        description="A key of platform.imagine.art, for the models of its key-based API.",
    )
    api_url: str = Field(
        "https://api.vyro.ai/v2",
        validation_alias=AliasChoices("IMAGINE_KEY_API_URL", f"{PREFIX}API_URL"),
        description="The key-based API.",
    )
    more_models: str = Field(
        "",
        validation_alias=AliasChoices("IMAGINE_KEY_STYLES", f"{PREFIX}STYLES"),
        description="More models of the key-based API by their names there, separated by commas.",
    )
