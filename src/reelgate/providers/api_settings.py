"""The settings that every account at an API with a key has."""

from __future__ import annotations

import re
from typing import ClassVar, TypeVar

from pydantic import AliasChoices, Field, SecretStr, create_model, field_validator

from reelgate.net.hosts import http_url
from reelgate.provider_settings import PROVIDERS_PREFIX, ProviderSettings
from reelgate.settings import split

MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", re.ASCII)


def prefix_of(provider: str) -> str:
    """What the variables of a provider's settings begin with."""
    return f"{PROVIDERS_PREFIX}{provider.upper()}__"


class ApiSettings(ProviderSettings):
    """One API key and where it is good.

    `settings_of` makes a provider's own class of it, or of a subclass with more fields.
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


S = TypeVar("S", bound=ApiSettings)


def settings_of(
    base: type[S],
    provider: str,
    *variables: str,
    title: str,
    example_model: str,
    api_url: str,
    about: str = "",
) -> type[S]:
    """The settings' class of a provider at an API with a key.

    Args:
        base: what it has: a key and an address, and perhaps more.
        provider: its name in the registry.
        variables: the vendor's usual ones for a key; without any the address makes an account.
        title: the vendor's name, as people write it.
        example_model: one of its models, the same for every account.
        api_url: the API's address, unless a user names another.
        about: what is to be said of that address; else whose API it is.
    """
    prefix = prefix_of(provider)
    return create_model(
        f"{title}Settings",
        __base__=base,
        __cls_kwargs__={"env_prefix": prefix},
        title=(ClassVar[str], title),
        credential=(ClassVar[str], variables[0] if variables else f"{prefix}API_URL"),
        example_model=(ClassVar[str], example_model),
        key=(
            SecretStr,
            Field(
                SecretStr(""),
                validation_alias=AliasChoices(*variables, f"{prefix}KEY"),
                description="The API key.",
            ),
        ),
        api_url=(str, Field(api_url, description=about or f"{title}'s API.")),
        more_models=(
            str,
            Field(
                "",
                validation_alias=AliasChoices(f"{prefix}MODELS"),
                description="More models by their names there, separated by commas.",
            ),
        ),
    )
