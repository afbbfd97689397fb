"""The server's configuration: one frozen model, made at start-up from flags, environment and file, and passed down.

Precedence: flags > `ELITSCOPE_*` environment > TOML file > defaults. Limits are a table of their own: `[limits]` in the file,
`ELITSCOPE_LIMITS__SESSIONS=16` in the environment.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from elitscope.errors import ElitscopeError
from elitscope.messages import Limits as WireLimits
from elitscope_service.addresses import http_address, tcp_address

MIB, GIB = 1 << 20, 1 << 30
ENV_PREFIX = "ELITSCOPE_"

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ConfigInvalid(ElitscopeError, ValueError):
    """The configuration can't be used; quotes each offending value and says what to do."""

    code = "config_invalid"


class Limits(BaseModel):
    """What the server takes on at most: with these, memory stays bounded whatever arrives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions: Count = 64
    session_idle_s: Seconds = 600.0
    session_grace_s: Seconds = 30.0
    streams: Count = 64
    stream_idle_s: Seconds = 3600.0
    credit_frames: Annotated[int, Field(ge=1, le=128)] = 8
    credit_bytes: Count = 512 * MIB
    frame_bytes: Count = 256 * MIB
    side: Annotated[int, Field(ge=1, le=65535)] = 16384
    queued_frames: Count = 256
    queued_bytes: Count = 1 * GIB
    started_frames: Count = 8
    started_pixels: Count = 96 * MIB
    reply_cache_bytes: Annotated[int, Field(ge=0)] = 256 * MIB
    answered_ids: Count = 4096
    unsent_bytes: Count = 1 * GIB
    requests_per_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 200.0
    body_bytes: Count = 1 * MIB
    upload_bytes: Count = 1 * GIB
    bundle_bytes: Count = 2 * GIB
    check_bytes: Count = 4 * GIB
    check_s: Seconds = 120.0

    @model_validator(mode="after")
    def _a_frame_fits(self) -> Self:
        if self.frame_bytes > min(self.credit_bytes, self.queued_bytes):
            room = f"credit_bytes {self.credit_bytes} or queued_bytes {self.queued_bytes}"
            raise ValueError(f"frame_bytes {self.frame_bytes} is above {room}: such a frame could never be sent")
        return self

    def on_the_wire(self) -> WireLimits:
        """The part of it that clients are told."""
        return WireLimits(self.credit_frames, self.credit_bytes, self.frame_bytes, self.side)


class ServerConfig(BaseSettings):
    """Everything that can be set. Addresses are canonical, folders absolute."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__", env_ignore_empty=True, validate_default=True
    )

    bundles: Annotated[tuple[Path, ...], NoDecode] = ()
    ensemble: str | None = None
    bind: str = "tcp://127.0.0.1:5555"
    publish: str = "tcp://127.0.0.1:5556"
    http: str = "127.0.0.1:8000"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure_http: bool = False
    host_names: Annotated[tuple[str, ...], NoDecode] = ()
    data_dir: Path = Path("~/.local/share/elitscope")
    redis_url: str | None = None
    redis_password_file: Path | None = None
    device: Literal["auto", "cpu", "cuda", "tensorrt"] = "auto"
    drain_s: Seconds = 10.0
    preview_hz: Annotated[float, Field(ge=0, le=60)] = 10.0
    monitor_hz: Annotated[float, Field(ge=0, le=60)] = 5.0
    anytime: bool = False
    limits: Limits = Limits()

    @field_validator("bundles", mode="before")
    @classmethod
    def _several_folders(cls, value: Any) -> Any:
        return value.split(os.pathsep) if isinstance(value, str) else value

    @field_validator("bundles")
    @classmethod
    def _absolute_folders(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path.expanduser().absolute() for path in value)

    @field_validator("host_names", mode="before")
    @classmethod
    def _several_names(cls, value: Any) -> Any:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("host_names")
    @classmethod
    def _names_without_port(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST_NAME.fullmatch(name):
                raise ValueError(f"host_names {name!r} is no host name: as in http://NAME:8000, without the port")
        return tuple(name.lower() for name in value)

    @field_validator("tls_cert", "tls_key")
    @classmethod
    def _absolute_file(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("data_dir")
    @classmethod
    def _absolute_folder(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix:///")):
            raise ValueError(
                f"redis_url {value.rpartition('@')[2]!r} is not of the form redis://:password@host:6379/0, rediss:// or unix:///path"
            )
        return value

    @field_validator("bind", "publish")
    @classmethod
    def _canonical_tcp(cls, value: str) -> str:
        return tcp_address(value).url

    @field_validator("http")
    @classmethod
    def _canonical_http(cls, value: str) -> str:
        return http_address(value).netloc

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        ports = [tcp_address(self.bind).port, tcp_address(self.publish).port, http_address(self.http).port]
        fixed = [port for port in ports if port]
        if len(set(fixed)) != len(fixed):
            raise ValueError(f"bind, publish and http share a port ({', '.join(map(str, ports))}): give each its own")
        return self

    @model_validator(mode="after")
    def _http_elsewhere_is_private(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError(f"tls_cert {str(self.tls_cert)!r} and tls_key {str(self.tls_key)!r} go together: give both, or neither")
        for file in (self.tls_cert, self.tls_key):
            if file is not None and not file.is_file():
                raise ValueError(f"{str(file)!r}, of tls_cert and tls_key, is no file")
        if not http_address(self.http).is_loopback and self.tls_cert is None and not self.insecure_http:
            raise ValueError(
                f"http {self.http!r} can be reached from elsewhere, where keys would travel in the clear: give --tls-cert and --tls-key, "
                "or --insecure-http where a proxy in front of it speaks TLS"
            )
        return self

    @property
    def beyond_loopback(self) -> bool:
        """Whether other computers can reach any of the addresses: then nobody gets in without a key."""
        return not (tcp_address(self.bind).is_loopback and tcp_address(self.publish).is_loopback and http_address(self.http).is_loopback)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the file that `load_config` names."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_config(flags: Mapping[str, Any], file: Path | None = None) -> ServerConfig:
    """The configuration from flags (by field name, unset ones left out), environment and `file`.

    Raises:
        ConfigInvalid: the file can't be read, a key is unknown, or a value can't be used.
    """
    if file is not None:
        _check_toml(file)

    class FromFile(ServerConfig):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return ServerConfig.model_construct(**dict(FromFile(**flags)))
    except ValidationError as error:
        raise ConfigInvalid(_in_words(error)) from error


def misspelt_variables(environ: Mapping[str, str]) -> list[str]:
    """A line for every `ELITSCOPE_*` variable that is nearly, but not quite, one of ours: it would be ignored in silence.

    >>> misspelt_variables({"ELITSCOPE_BNID": "tcp://127.0.0.1:7", "ELITSCOPE_TOKEN": "x"})
    ['ELITSCOPE_BNID is not a setting and is ignored: did you mean ELITSCOPE_BIND?']
    """
    known = [ENV_PREFIX + name.upper() for name in ServerConfig.model_fields]
    lines = []
    for name in sorted(environ):
        plain = name.upper().split("__")[0]
        if plain.startswith(ENV_PREFIX) and plain not in known and (near := difflib.get_close_matches(plain, known, 1, 0.85)):
            lines.append(f"{name} is not a setting and is ignored: did you mean {near[0]}?")
    return lines


def _check_toml(file: Path) -> None:
    try:
        tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigInvalid(f"--config {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"--config {file} is not TOML: {error}") from error


def _in_words(error: ValidationError) -> str:
    return "\n".join(_problem_in_words(problem) for problem in error.errors(include_url=False))


def _problem_in_words(problem: Any) -> str:
    where = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        known = [*ServerConfig.model_fields, *(f"limits.{name}" for name in Limits.model_fields)]
        near = difflib.get_close_matches(where, known, 1)
        return f"unknown setting {where} = {problem['input']!r}" + (f": did you mean {near[0]}?" if near else "")
    if problem["type"] == "value_error":  # ours: these quote the value themselves
        return str(problem["ctx"]["error"])
    return f"{where} = {problem['input']!r}: {problem['msg']}"
