"""imagine.art's settings, read from the environment and `.env`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from reelgate.domain.reference import Kind
from reelgate.net.hosts import http_url
from reelgate.provider_settings import PROVIDERS_PREFIX, ProviderSettings
from reelgate.providers.imagine import models
from reelgate.providers.imagine.credentials import clean_token, read_claims
from reelgate.providers.imagine.models import PICTURES_ONLY, SEED_MODEL, Row, seedance_2_5
from reelgate.settings import split

PREFIX = f"{PROVIDERS_PREFIX}IMAGINE__"
PART = re.compile(r"[a-z][a-z_]{0,63}", re.ASCII)
"""The name of a part of a form."""


def named(field: str) -> AliasChoices:
    """A field's two variables: its short name, and the one that every provider's settings have."""
    return AliasChoices(f"IMAGINE_{field}", f"{PREFIX}{field}")


def rows_with(seedance_style_id: int | None) -> tuple[Row, ...]:
    """Our own table, with `seedance-2.5` where its style is known."""
    rows = models.ROWS
    return rows if seedance_style_id is None else (*rows, seedance_2_5(seedance_style_id))


def read_models(file: str, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows, changed by a file where there is one.

    Raises:
        ValueError: the file cannot be used.
    """
    if not file:
        return rows
    # Few have such a file, and the parser takes a while to load.
    from reelgate.providers.imagine.models_file import read_rows  # noqa: PLC0415

    return read_rows(Path(file).expanduser(), rows)


def read_parts(text: str) -> dict[Kind, str]:
    """Parts by the kind of what they hold.

    Raises:
        ValueError: naming the one that makes no sense.
    """
    parts: dict[Kind, str] = {}
    for each in split(text):
        kind, _, name = (part.strip() for part in each.partition("="))
        if kind not in {Kind.VIDEO, Kind.AUDIO} or not PART.fullmatch(name):
            message = f"{each!r} is not allowed: write video=NAME or audio=NAME"
            raise ValueError(message)
        parts[Kind(kind)] = name
    return parts


class ImagineSettings(ProviderSettings):
    """One imagine.art account and where it is reached."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    title: ClassVar[str] = "imagine.art"
    credential: ClassVar[str] = "IMAGINE_TOKEN"
    example_model: ClassVar[str] = SEED_MODEL

    token: SecretStr = Field(
        SecretStr(""),
        validation_alias=named("TOKEN"),
        description="imagine.art's bearer token. Without it, and without any other provider's "
        "credentials, the gateway runs on its sandbox.",
    )
    refresh_token: SecretStr = Field(
        SecretStr(""),
        validation_alias=named("REFRESH_TOKEN"),
        description="The refresh token that belongs to IMAGINE_TOKEN: the gateway then renews "
        "both, and keeps the newest pair encrypted in the database. A sign-in with `reelgate login "
        "imagine` goes before both.",
    )
    org_id: str = Field(
        "",
        validation_alias=named("ORG_ID"),
        description="The organisation that pays. Empty: the token's own user.",
        examples=["425c7fab-779a-4d62-bd02-8c3c7064e229"],
    )
    parent_id: str = Field(
        "",
        validation_alias=named("PARENT_ID"),
        description="The folder that videos are put in. Empty: the workspace's root.",
        examples=["3453d02d-025d-42e3-aacd-c7db2112b621"],
    )
    api_url: str = Field(
        "https://imagine.vyro.ai/v1",
        validation_alias=named("API_URL"),
        description="The web API.",
    )
    asset_url: str = Field(
        "https://asset.imagine.art/processed",
        validation_alias=named("ASSET_URL"),
        description="Where finished videos are served.",
    )
    auth_url: str = Field(
        "https://auth.vyro.ai/apis/v1", validation_alias=named("AUTH_URL"), description="Sign-in."
    )
    team_url: str = Field(
        "https://teams-imagine.vyro.ai/v1",
        validation_alias=named("TEAM_URL"),
        description="Organisations and folders.",
    )
    mcp_url: str = Field(
        "https://mcp.imagine.art/",
        validation_alias=named("MCP_URL"),
        description="OAuth metadata.",
    )

    seedance_2_5_style_id: int | None = Field(
        None,
        ge=1,
        validation_alias=named("SEEDANCE_2_5_STYLE_ID"),
        description="The style's number of `seedance-2.5`, which no source tells. Empty: the model "
        "is not offered.",
    )
    reference_parts: str = Field(
        "",
        validation_alias=named("REFERENCE_PARTS"),
        description="The parts of a submit that hold the addresses of videos and sounds, which no "
        "source tells, as in `video=video_url,audio=audio_url`. Empty: no model takes any.",
    )
    models_file: str = Field(
        "",
        validation_alias=named("MODELS_FILE"),
        description="A TOML file with models that are added or changed. Empty: none.",
    )

    @field_validator("seedance_2_5_style_id", mode="before")
    @classmethod
    def _is_style_given(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("reference_parts")
    @classmethod
    def _are_reference_parts(cls, value: str) -> str:
        read_parts(value)
        return value

    @field_validator("models_file")
    @classmethod
    def _is_models_file(cls, value: str, info: ValidationInfo) -> str:
        style_id = info.data.get("seedance_2_5_style_id")
        read_models(value, rows_with(style_id))
        return value

    @field_validator("api_url", "asset_url", "auth_url", "team_url", "mcp_url")
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        return http_url(value)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table of models as this account has it.

        Raises:
            ValueError: the file is not what it was when the settings were read.
        """
        return read_models(self.models_file, rows_with(self.seedance_2_5_style_id))

    @property
    def parts_of_references(self) -> Mapping[Kind, str]:
        """The part of a submit that holds references of a kind, for each that can be sent."""
        return PICTURES_ONLY | read_parts(self.reference_parts)

    @property
    def is_configured(self) -> bool:
        """Whether there is a token, or somebody has signed in."""
        pasted = (self.token, self.refresh_token)
        return self.is_signed_in or any(each.get_secret_value().strip() for each in pasted)

    @property
    def address(self) -> str:
        """The web API's."""
        return self.api_url

    def credential_left_s(self, now_s: float) -> float | None:
        """How long the token lives still, negative when it is dead; None if it does not tell.

        Of one that is renewed nobody needs to know.
        """
        if self.is_signed_in or self.refresh_token.get_secret_value().strip():
            return None
        ends_at_s = read_claims(clean_token(self.token.get_secret_value())).expires_at_s
        return None if ends_at_s is None else ends_at_s - now_s
