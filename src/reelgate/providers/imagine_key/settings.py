"""The settings of imagine.art's key-based API."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from reelgate.settings import PROVIDERS_PREFIX, ProviderSettings, http_url, split

PREFIX = f"{PROVIDERS_PREFIX}IMAGINE_KEY__"
STYLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class ImagineKeySettings(ProviderSettings):
    """One API key and where it is good."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    title: ClassVar[str] = "imagine.art API key"
    credential: ClassVar[str] = "IMAGINE_API_KEY"
    example_model: ClassVar[str] = "kling-1.0-pro"

    api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=AliasChoices("IMAGINE_API_KEY", f"{PREFIX}API_KEY"),
        description="A key of platform.imagine.art, for the models of its key-based API.",
    )
    api_url: str = Field(
        "https://api.vyro.ai/v2",
        validation_alias=AliasChoices("IMAGINE_KEY_API_URL", f"{PREFIX}API_URL"),
        description="The key-based API.",
    )
    styles: str = Field(
        "",
        validation_alias=AliasChoices("IMAGINE_KEY_STYLES", f"{PREFIX}STYLES"),
        description="More models of the key-based API by their names there, separated by commas.",
    )

    @field_validator("api_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        return http_url(value)

    @field_validator("styles")
    @classmethod
    def _are_styles(cls, value: str) -> str:
        for style in split(value):
            if not STYLE.fullmatch(style):
                message = f"{style!r} is no model's name: it takes letters, digits, dots, - and _"
                raise ValueError(message)
        return value

    @property
    def is_configured(self) -> bool:
        """Whether there is a key."""
        return bool(self.api_key.get_secret_value().strip())

    @property
    def address(self) -> str:
        """The API's."""
        return self.api_url
