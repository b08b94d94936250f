"""Ark's settings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from reelgate.providers.api_settings import (
    ApiSettings,
    key_field,
    models_field,
    prefix_of,
    url_field,
)

PREFIX = prefix_of("ark")


class ArkSettings(ApiSettings):
    """One key of BytePlus ModelArk."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    title: ClassVar[str] = "Ark"
    credential: ClassVar[str] = "ARK_API_KEY"
    example_model: ClassVar[str] = "dreamina-seedance-2-0-260128"

    key: SecretStr = key_field("ark", "ARK_API_KEY")
    api_url: str = url_field(
        "ark",
        "https://ark.ap-southeast.bytepluses.com/api/v3",
        "The API of the key's region; Volcengine's is https://ark.cn-beijing.volces.com/api/v3.",
    )
    more_models: str = models_field("ark")
    mark_submits: bool = Field(
        default=False,
        validation_alias=AliasChoices(f"{PREFIX}MARK_SUBMITS"),
        description=(
            "Send a random `safety_identifier` with each submit, by which one whose answer was lost"
            " is found for sure. BytePlus means it to tell your own users apart: leave it off where"
            " it asks you to."
        ),
    )
