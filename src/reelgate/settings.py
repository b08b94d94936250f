"""Every setting, read once from the environment and `.env`, and passed on from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import AfterValidator, AliasChoices, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from reelgate.domain.api_keys import check_bootstrap_secret
from reelgate.domain.routing import VirtualModel
from reelgate.errors import InvalidRequest
from reelgate.net.hosts import check_host, check_origin, http_url, network_of, normal_origin
from reelgate.net.secret_keys import decode_keys, decode_secrets
from reelgate.net.ssrf import check_url
from reelgate.provider_settings import ProviderSettings

WEBHOOK_EVENTS = ("video.completed", "video.failed", "video.in_progress")
LEAST_SECRET_CHARS = 8
"""A shorter one is a word that stands in many lines of the log."""


def split(listed: str) -> list[str]:
    """The entries of a list that is separated by commas."""
    return [entry.strip() for entry in listed.split(",") if entry.strip()]


def each_entry(check: Callable[[str], object]) -> AfterValidator:
    """Checks every entry of a list that is separated by commas."""

    def checked(listed: str) -> str:
        for entry in split(listed):
            check(entry)
        return listed

    return AfterValidator(checked)


def check_event(name: str) -> None:
    if name not in WEBHOOK_EVENTS:
        message = f"there is no {name}: use {', '.join(WEBHOOK_EVENTS)}"
        raise ValueError(message)


HttpUrl = Annotated[str, AfterValidator(http_url)]


class Settings(BaseSettings):
    """The gateway's settings; times in seconds, sizes in bytes.

    Raises:
        pydantic.ValidationError: a value cannot be used; the error names the variable.
    """

    model_config = SettingsConfigDict(
        env_prefix="REELGATE_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        # What an error repeats may be a secret, or an address with one in it.
        hide_input_in_errors=True,
    )

    providers: Annotated[Mapping[str, ProviderSettings], NoDecode] = Field(
        default_factory=dict,
        description="Each upstream account's own settings, by its name; "
        "`reelgate.providers.registry` reads them.",
    )

    virtual_models: Annotated[Mapping[str, VirtualModel], NoDecode] = Field(
        default_factory=dict,
        description="The virtual models of the file that REELGATE_CONFIG names.",
    )

    # Where the gateway listens
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("REELGATE_PORT", "PORT"),
        description="The port to listen on; `PORT`, as hosting platforms set it, counts too.",
    )
    public_url: HttpUrl = Field(
        "",
        description="The address clients reach the gateway at. Empty: what the request says.",
    )
    allow_open: bool = Field(
        default=False,
        description="Let everybody in without an API key while there is none: from other machines, "
        "through a proxy, by any host name, and after the last key was revoked. Pages of other "
        "origins still need REELGATE_CORS_ORIGINS.",
    )
    allowed_hosts: Annotated[str, each_entry(check_host)] = Field(
        "",
        description="Host names, separated by commas, by which a gateway without API keys may be "
        "called, beside `localhost`, its own address and REELGATE_PUBLIC_URL's. `*`: any. Empty: "
        "no others, or any with REELGATE_ALLOW_OPEN.",
    )
    cors_origins: Annotated[str, each_entry(check_origin)] = Field(
        "*",
        description="Origins whose pages may call from a browser, separated by commas. `*`: every "
        "page may read; without API keys only pages of an origin that is named beside it may make, "
        "change or list videos.",
    )
    bootstrap_key: SecretStr = Field(
        SecretStr(""),
        description="A first API key for where none can be made by hand: `rg_` and at least 32 "
        "random characters. It is kept as a digest when the gateway starts; a new value takes the "
        "old one's place. Empty: none.",
    )
    max_body_bytes: int = Field(1_000_000, ge=1000, description="The largest JSON body taken.")
    max_upload_bytes: int = Field(
        50_000_000, ge=1000, description="The largest form taken, with the picture in it."
    )
    max_bodies_bytes: int = Field(
        64_000_000,
        ge=1_000_000,
        description="What the bodies of all requests may take of memory together; more are"
        " answered 503. One API key may take half of it.",
    )
    max_connections: int = Field(
        0,
        ge=0,
        description="Connections taken in all. 0: three quarters of the files that the process may"
        " have open; the rest is kept for its own work.",
    )
    max_connections_per_address: int = Field(
        0,
        ge=0,
        description="Connections taken of one address (of IPv6: one /64), not counting requests"
        " that are being served, nor those from this machine. 0: a quarter of all.",
    )
    trusted_proxies: Annotated[str, each_entry(network_of)] = Field(
        "",
        description="Addresses or networks of proxies, separated by commas: what they say in"
        " `Forwarded` or `X-Forwarded-For` is taken as the client's address in the log, and their"
        " connections do not count by address. Empty: none.",
    )
    header_timeout_s: float = Field(
        20.0, gt=0, description="How long a connection may take to send a request's headers."
    )
    body_timeout_s: float = Field(
        30.0,
        gt=0,
        description="How long a request's body may take; a second more for every 500 bytes.",
    )
    heartbeat_s: float = Field(
        0.0,
        ge=0,
        description="Send a blank this often while a blocking caller waits, so that proxies keep "
        "the connection. 0: off.",
    )

    # What it tells
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="A port for `/metrics` alone, which needs no API key; where several processes "
        "run on one machine each takes the next free one. 0: at `/metrics` on the gateway's port.",
    )
    metrics_host: str = Field("127.0.0.1", description="The address that port listens on.")
    metrics_key: SecretStr = Field(
        SecretStr(""),
        description="What a scraper must bring as `Authorization: Bearer ...`, and no more than "
        "that. Empty: on the gateway's port an operator's API key, on a port of its own nothing.",
    )

    traces: Literal["off", "otlp"] = Field(
        "off",
        description="`otlp`: send traces, one for each video, to where OTEL_EXPORTER_OTLP_ENDPOINT "
        "says; needs `pip install 'reelgate[otel]'`.",
    )
    trace_prompts: bool = Field(
        default=False, description="Put prompts into traces: who reads traces reads them, too."
    )
    trace_upstreams: bool = Field(
        default=False,
        description="Send `traceparent` with requests to upstreams, where they trace as well.",
    )

    # Where things are kept
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="32 bytes in base64 (`openssl rand -base64 32`): encrypts the credentials in "
        "the database; several, separated by blanks: the first one encrypts, all decrypt. Gateways "
        "that share a database need the same. Empty: a file `secret.key` in the data folder.",
    )
    data_dir: Path = Field(
        default_factory=lambda: user_data_path("reelgate"),
        description="The folder for the database, the videos and the sandbox.",
    )
    database_url: str = Field(
        "",
        description="`sqlite:///path` or `postgresql://...`. Empty: SQLite in the data folder.",
    )
    storage_url: str = Field(
        "",
        description="A folder, `s3://`, `gs://` or `az://`. Empty: a folder in the data folder.",
    )

    keep: Literal["on", "off"] = Field(
        "on", description="`off`: files stay upstream and are streamed through."
    )
    redirect_content: bool = Field(
        default=False,
        description="Answer a download with a redirect to a presigned address, where the storage "
        "has such.",
    )

    # What can be asked for
    config: Path | None = Field(
        None,
        description="A TOML file with accounts of providers and virtual models. Empty: none.",
    )
    default_model: str = Field(
        "",
        description="The model of a video request that names none. Empty: the first model of the "
        "first provider.",
    )
    aliases: str = Field(
        "sora-2=seedance-2.0,sora-2-pro=seedance-2.0",
        description="Other names for models, so that old code runs unchanged. Empty: none. Of the "
        "default those count whose model there is.",
    )
    reference_allow_private: bool = Field(
        default=False,
        description="Fetch reference pictures from private and loopback addresses too.",
    )

    # The life of a job
    wait_limit_s: float = Field(
        300.0, gt=0, description="A blocking caller is answered `PROCESSING` after this long."
    )
    mcp_wait_s: float = Field(
        45.0,
        gt=0,
        description="How long a call of an agent waits for a video, by MCP, before it is answered "
        "with the video's id: below the time after which its program gives up.",
    )
    job_timeout_s: float = Field(
        3600.0,
        gt=0,
        description="A job the upstream has not finished after this long fails. A finished "
        "video that cannot be fetched or stored is tried for as long again.",
    )
    submit_attempts: int = Field(
        8, ge=1, description="How often a submit that was surely refused is sent in all."
    )
    moderation_retry: bool = Field(
        default=False,
        description="Send a first submit that moderation refused once more: some filters decide by "
        "chance. Nothing was paid for it. A job that moderation stops later is not made again.",
    )
    looks_per_s: float = Field(
        100.0,
        gt=0,
        description="How often a second an upstream account is asked at most whether videos are "
        "ready, by all gateway processes together. With a sandbox: a second of its time.",
    )
    max_in_flight: int = Field(
        10_000,
        ge=1,
        description="Videos that an upstream account may have under way at once, of all gateway "
        "processes together.",
    )
    max_submits: int = Field(
        32,
        ge=1,
        description="Submits that may wait for the upstream's answer at once, of all gateway "
        "processes together: as many may end as `submission_unknown` when they are killed.",
    )
    max_waiting: int = Field(
        20_000,
        ge=1,
        description="Unfinished videos the gateway takes in all; more are answered 503.",
    )
    retention_days: float = Field(
        0.0, ge=0, description="Days that a finished video's file is kept. 0: for ever."
    )
    max_storage_bytes: int = Field(
        0, ge=0, description="Files beyond this total are removed, oldest first. 0: no limit."
    )
    adopt_window_s: float = Field(
        86400.0, ge=0, description="How long an abandoned job waits for its caller to ask again."
    )
    shutdown_grace_s: float = Field(
        5.0, ge=0, description="How long callers may still wait when the gateway is told to stop."
    )

    # Webhooks
    # The order of these three counts: the check of each looks at those before it.
    webhook_allow_private: bool = Field(
        default=False, description="Send webhooks to private and loopback addresses too."
    )
    webhook_corrections: bool = Field(
        default=True,
        description="Send `video.completed` after `video.failed` for a video that was found after "
        "its submit was lost, or that got ready after `REELGATE_JOB_TIMEOUT_S`.",
    )
    webhook_url: str = Field(
        "", description="Told of every video's end, beside the `webhook_url` of a request."
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        validate_default=True,
        description="`whsec_...`: signs webhooks; several, separated by blanks, sign side by side."
        " Empty: no webhooks.",
    )
    webhook_events: Annotated[str, each_entry(check_event)] = Field(
        "video.completed,video.failed",
        description="The events that are told, separated by commas; `video.in_progress` exists"
        " too.",
    )

    # The sandbox
    sandbox: Literal["auto", "off"] = Field(
        "auto",
        description="`auto`: a sandbox stands in when no provider has credentials. `off`: refuse "
        "to start.",
    )
    sandbox_speed: float = Field(
        20.0, gt=0, description="How many times faster than the real provider the sandbox is."
    )
    sandbox_url: HttpUrl = Field(
        "",
        description="A sandbox that runs already, so that several gateways or a restarted one share"
        " it. Empty: the gateway starts its own.",
    )

    # The log
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least serious thing that is logged."
    )
    log_format: Literal["console", "json"] = Field("console", description="For people or machines.")

    @field_validator("config", mode="before")
    @classmethod
    def _is_named(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("secret_key")
    @classmethod
    def _are_keys(cls, value: SecretStr) -> SecretStr:
        decode_keys(value.get_secret_value())
        return value

    @field_validator("bootstrap_key")
    @classmethod
    def _is_bootstrap_key(cls, value: SecretStr) -> SecretStr:
        secret = value.get_secret_value().strip()
        if secret:
            check_bootstrap_secret(secret)
        return SecretStr(secret)

    @field_validator("webhook_url")
    @classmethod
    def _is_endpoint(cls, value: str, info: ValidationInfo) -> str:
        allow_private = bool(info.data.get("webhook_allow_private"))
        if value:
            try:
                check_url(value, param="it", allow_private=allow_private)
            except InvalidRequest as error:
                raise ValueError(error.message) from error
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _is_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        keys = decode_secrets(value.get_secret_value())
        if info.data.get("webhook_url") and not keys:
            message = "it is needed to sign with, because REELGATE_WEBHOOK_URL is set"
            raise ValueError(message)
        return value

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """The keys that sign webhooks; none where there are to be no webhooks."""
        return decode_secrets(self.webhook_secret.get_secret_value())

    @property
    def webhook_event_names(self) -> frozenset[str]:
        """The events that are told."""
        return frozenset(split(self.webhook_events))

    @property
    def configured(self) -> dict[str, ProviderSettings]:
        """The upstream accounts that have credentials, by name."""
        return {name: own for name, own in self.providers.items() if own.is_configured}

    def signed_in(self, name: str) -> Settings:
        """The same settings where `reelgate login` has kept a credential for an account."""
        own = {name: self.providers[name].after_sign_in()}
        return self.model_copy(update={"providers": {**self.providers, **own}})

    @property
    def secrets(self) -> frozenset[str]:
        """The values that must not be shown: keys, tokens, and passwords within addresses."""
        held = (
            getattr(each, name)
            for each in (self, *self.providers.values())
            for name in type(each).model_fields
        )
        told = [
            part
            for value in held
            if isinstance(value, SecretStr)
            for part in value.get_secret_value().split()
        ]
        passwords = [urlsplit(url).password or "" for url in (self.database, self.storage)]
        return frozenset(each for each in (*told, *passwords) if len(each) >= LEAST_SECRET_CHARS)

    @property
    def database(self) -> str:
        """The database's URL, with its default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute()}/reelgate.sqlite"

    @property
    def shares_database(self) -> bool:
        """Whether other processes may work on the same database."""
        return self.database.startswith("postgres")

    @property
    def storage(self) -> str:
        """The storage's URL, with its default filled in."""
        return self.storage_url or str(self.data_dir.absolute() / "videos")

    @property
    def retention_s(self) -> float | None:
        """How long a file is kept, in seconds; None for ever."""
        return self.retention_days * 86400.0 or None

    @property
    def model_aliases(self) -> dict[str, str]:
        """The aliases as a table."""
        pairs = (pair.partition("=") for pair in self.aliases.split(",") if pair.strip())
        return {alias.strip(): model.strip() for alias, _, model in pairs}

    @property
    def origins(self) -> list[str]:
        """The CORS origins as a list, as browsers write them."""
        return [normal_origin(origin) for origin in split(self.cors_origins)]
