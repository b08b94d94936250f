"""The settings that every account at an API with a key has."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import AliasChoices, Field, SecretStr, create_model, field_validator

from reelgate.net.hosts import http_url
from reelgate.provider_settings import PROVIDERS_PREFIX, ProviderSettings
from reelgate.settings import split

MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", re.ASCII)


def prefix_of(provider: str) -> str:
    """What the variables of a provider's settings begin with."""
    return f"{PROVIDERS_PREFIX}{provider.upper()}__"


def key_field(provider: str, *variables: str) -> Any:  # noqa: ANN401 - as Pydantic's own
    """The `key` of a provider's settings, read from the vendor's usual variables, too."""
    return Field(
        SecretStr(""),
        validation_alias=AliasChoices(*variables, f"{prefix_of(provider)}KEY"),
        description="The API key.",
    )


def url_field(provider: str, default: str, description: str) -> Any:  # noqa: ANN401 - likewise
    """The `api_url` of a provider's settings."""
    return Field(
        default,
        validation_alias=AliasChoices(f"{prefix_of(provider)}API_URL"),
        description=description,
    )


def models_field(provider: str) -> Any:  # noqa: ANN401 - likewise
    """The `more_models` of a provider's settings."""
    return Field(
        "",
        validation_alias=AliasChoices(f"{prefix_of(provider)}MODELS"),
        description="More models by their names there, separated by commas.",
    )


class ApiSettings(ProviderSettings):
    """One API key and where it is good.

    `settings_of` makes the class of a provider that needs no more. A subclass with more declares
    its fields with the functions above and sets `env_prefix` to `prefix_of`.
    """

    key: SecretStr = SecretStr("")
    api_url: str = ""
    more_models: str = ""

    @field_validator("api_url", check_fields=False)
    @classmethod
    def _is_http_url(cls, value: str) -> str:
        return http_url(value)

    @field_validator("more_models", check_fields=False)
    @classmethod
    def _are_models(cls, value: str) -> str:
        for model in split(value):
            if not MODEL_ID.fullmatch(model):
                message = f"{model!r} is no model's name: it takes letters, digits, . _ : / and -"
                raise ValueError(message)
        return value

    @property
    def is_configured(self) -> bool:
        """Whether there is a key."""
        return bool(self.key.get_secret_value().strip())

    @property
    def address(self) -> str:
        """The API's."""
        return self.api_url


def settings_of(
    provider: str,
    variable: str,
    *,
    title: str,
    example_model: str,
    api_url: str,
    about: str = "",
) -> type[ApiSettings]:
    """The settings' class of a provider that needs a key and an address.

    Args:
        provider: its name in the registry.
        variable: the vendor's usual one for a key.
        title: the vendor's name, as people write it.
        example_model: one of its models, the same for every account.
        api_url: the API's address, unless a user names another.
        about: what is to be said of that address; else whose API it is.
    """
    return create_model(
        f"{title}Settings",
        __base__=ApiSettings,
        __cls_kwargs__={"env_prefix": prefix_of(provider)},
        title=(ClassVar[str], title),
        credential=(ClassVar[str], variable),
        example_model=(ClassVar[str], example_model),
        key=(SecretStr, key_field(provider, variable)),
        api_url=(str, url_field(provider, api_url, about or f"{title}'s API.")),
        more_models=(str, models_field(provider)),
    )
