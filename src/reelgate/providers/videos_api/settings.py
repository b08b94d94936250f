"""A `/v1/videos` server's settings."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from reelgate.providers.api_settings import (
    ApiSettings,
    key_field,
    models_field,
    prefix_of,
    url_field,
)


class Body(StrEnum):
    """How a submit is sent."""

    AUTO = "auto"  # as JSON, and as a form where JSON is surely refused
    JSON = "json"
    MULTIPART = "multipart"


class VideosSettings(ApiSettings):
    """One server with `/v1/videos`, which may be in a private network."""

    model_config = SettingsConfigDict(env_prefix=prefix_of("videos"))

    title: ClassVar[str] = "/v1/videos server"
    credential: ClassVar[str] = "REELGATE_PROVIDERS__VIDEOS__API_URL"
    example_model: ClassVar[str] = "videos"

    api_url: str = url_field(
        "videos",
        "",
        "Your server with OpenAI's `/v1/videos`, such as `http://gpu:8091/v1`: vLLM-Omni, SGLang,"
        " LiteLLM, another Reelgate. It may be in a private network.",
    )
    key: SecretStr = key_field("videos")
    more_models: str = models_field("videos")
    body: Body = Field(
        Body.AUTO,
        validation_alias=AliasChoices(f"{prefix_of('videos')}BODY"),
        description="How a submit is sent: `json`, `multipart`, or `auto`: as JSON, and as a form"
        " where JSON is refused or a picture goes along.",
    )

    @property
    def is_configured(self) -> bool:
        """Whether there is an address: a server of one's own often wants no key."""
        return bool(self.api_url)

    @property
    def address(self) -> str:
        """The API's base, with `/v1` where the address is a host alone."""
        return self.api_url if urlsplit(self.api_url).path else f"{self.api_url}/v1"
