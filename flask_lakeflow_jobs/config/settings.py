"""From ``app.config`` and the environment to frozen settings; what is wrong stops ``init_app``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import ConfigurationError
from . import keys
from .jobs import Job, JobConfigs, resolve_jobs
from .readers import (
    SettingsReader,
    read_bool,
    read_cache_config,
    read_int,
    read_optional,
    read_parameter_name,
    read_path_prefix,
    read_seconds,
    read_secret,
)

BundleJobs: TypeAlias = Callable[[Path], Mapping[str, int]]


@dataclass(frozen=True)
class Settings:
    """All settings of one app. Times are in seconds."""

    jobs: Mapping[str, Job]
    sdk: Mapping[str, str] = field(repr=False)
    bundle: Path | None
    poll_interval: float
    read_timeout: float
    write_timeout: float
    read_attempts: int
    wait_timeout: float
    cache_ttl: float
    cache: Mapping[str, Any] = field(repr=False)
    max_streams: int | None
    stream_max_seconds: float
    heartbeat: float
    push: bool
    console: bool
    console_prefix: str
    read_only: bool
    trust_proxy_headers: bool
    attribution_parameter: str | None
    webhook_username: str | None
    webhook_password: str | None = field(repr=False)

    @property
    def accepts_notifications(self) -> bool:
        """Whether Databricks may send notifications of runs."""
        return self.webhook_username is not None


def load_settings(
    sources: SettingsReader, jobs: JobConfigs | None, *, root: Path, bundle_jobs: BundleJobs
) -> Settings:
    """Read and check everything.

    :param sources: the app's config and the environment.
    :param jobs: those that the code names; the ``LAKEFLOW_JOBS`` key wins over them.
    :param root: what a relative ``LAKEFLOW_JOBS_BUNDLE`` is relative to, if it is there.
    :param bundle_jobs: reads the jobs of a bundle: key → job id.
    :raises ConfigurationError: for a value that makes no sense; the sentence names its key.
    """
    bundle = None if sources.get("DATABRICKS_HOST") else _bundle(sources, root)
    local_ids = bundle_jobs(bundle) if bundle else {}
    timeout = read_optional(read_seconds, sources, keys.TIMEOUT)
    read_timeout = read_seconds(sources, keys.READ_TIMEOUT)
    write_timeout = read_seconds(sources, keys.WRITE_TIMEOUT)
    wait_timeout = read_seconds(sources, keys.WAIT_TIMEOUT)
    webhook_username, webhook_password = _webhook_login(sources)
    return Settings(
        jobs=resolve_jobs(sources, jobs or {}, local_ids, wait_timeout),
        sdk={
            arg: str(sources.config[key])
            for key, arg in keys.SDK_KEYS.items()
            if _has(sources, key)
        },
        bundle=bundle,
        poll_interval=read_seconds(sources, keys.POLL_INTERVAL),
        read_timeout=timeout or read_timeout,
        write_timeout=timeout or write_timeout,
        read_attempts=read_int(sources, keys.READ_ATTEMPTS),
        wait_timeout=wait_timeout,
        cache_ttl=read_seconds(sources, keys.CACHE_TTL, least=0.0),
        cache=read_cache_config(sources, keys.CACHE),
        max_streams=read_optional(read_int, sources, keys.MAX_STREAMS, least=0),
        stream_max_seconds=read_seconds(sources, keys.STREAM_MAX_SECONDS),
        heartbeat=read_seconds(sources, keys.HEARTBEAT),
        push=read_bool(sources, keys.PUSH),
        console=read_bool(sources, keys.CONSOLE),
        console_prefix=read_path_prefix(sources, keys.CONSOLE_PREFIX),
        read_only=read_bool(sources, keys.READ_ONLY),
        trust_proxy_headers=read_bool(sources, keys.TRUST_PROXY_HEADERS),
        attribution_parameter=read_optional(
            read_parameter_name, sources, keys.ATTRIBUTION_PARAMETER
        ),
        webhook_username=webhook_username,
        webhook_password=webhook_password,
    )


def _webhook_login(sources: SettingsReader) -> tuple[str | None, str | None]:
    username = read_optional(read_secret, sources, keys.WEBHOOK_USERNAME)
    password = read_optional(read_secret, sources, keys.WEBHOOK_PASSWORD)
    if (username is None) != (password is None):
        there, missing = keys.WEBHOOK_USERNAME.name, keys.WEBHOOK_PASSWORD.name
        if username is None:
            there, missing = missing, there
        raise ConfigurationError(f"{there} is nothing without {missing}. Set both, or neither.")
    if username is not None and ":" in username:  # RFC 7617, section 2
        raise ConfigurationError(f"{keys.WEBHOOK_USERNAME.name} must have no colon.")
    return username, password


def _has(sources: SettingsReader, key: str) -> bool:
    return sources.config.get(key) not in (None, "")


def _bundle(sources: SettingsReader, root: Path) -> Path | None:
    value = sources.get(keys.BUNDLE.name)
    if value in (None, ""):
        return None
    if not isinstance(value, str | Path):
        raise ConfigurationError(
            f"{keys.BUNDLE.name} must be the path of a databricks.yml, not {value!r}."
        )
    path = root / value
    return (path if path.exists() else Path(value)).resolve()
