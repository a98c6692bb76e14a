"""From ``app.config`` and the environment to frozen settings; what is wrong stops ``init_app``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from .errors import ConfigurationError
from .job_config import DEFAULT_WAIT_TIMEOUT, Job, JobConfigs, named_jobs
from .sources import KEY_PREFIX, Sources, count, flag, mapping, optional, seconds

#: What the SDK reads itself and ``app.config`` may carry: our key → the SDK's argument.
SDK_KEYS: Mapping[str, str] = {
    "DATABRICKS_HOST": "host",
    "DATABRICKS_TOKEN": "token",
    "DATABRICKS_CLIENT_ID": "client_id",
    "DATABRICKS_CLIENT_SECRET": "client_secret",
    "DATABRICKS_CONFIG_PROFILE": "profile",
    "DATABRICKS_CONFIG_FILE": "config_file",
    "DATABRICKS_AUTH_TYPE": "auth_type",
}

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


def load_settings(
    sources: Sources, jobs: JobConfigs | None, *, root: Path, bundle_jobs: BundleJobs
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
    timeout = optional(seconds, sources, "TIMEOUT")
    wait_timeout = seconds(sources, "WAIT_TIMEOUT", DEFAULT_WAIT_TIMEOUT)
    return Settings(
        jobs=named_jobs(sources, jobs or {}, local_ids, wait_timeout),
        sdk={arg: str(sources.config[key]) for key, arg in SDK_KEYS.items() if _has(sources, key)},
        bundle=bundle,
        poll_interval=seconds(sources, "POLL_INTERVAL", 5.0),
        read_timeout=timeout or seconds(sources, "READ_TIMEOUT", 30.0),
        write_timeout=timeout or seconds(sources, "WRITE_TIMEOUT", 120.0),
        read_attempts=count(sources, "READ_ATTEMPTS", 3),
        wait_timeout=wait_timeout,
        cache_ttl=seconds(sources, "CACHE_TTL", 60.0, least=0.0),
        cache=mapping(sources, "CACHE", {"CACHE_TYPE": "SimpleCache"}),
        max_streams=optional(count, sources, "MAX_STREAMS", least=0),
        stream_max_seconds=seconds(sources, "STREAM_MAX_SECONDS", 280.0),
        heartbeat=seconds(sources, "HEARTBEAT", 10.0),
        push=flag(sources, "PUSH", True),
        console=flag(sources, "CONSOLE", False),
    )


def _has(sources: Sources, key: str) -> bool:
    return sources.config.get(key) not in (None, "")


def _bundle(sources: Sources, root: Path) -> Path | None:
    value = sources.get(f"{KEY_PREFIX}_BUNDLE")
    if value in (None, ""):
        return None
    if not isinstance(value, str | Path):
        raise ConfigurationError(
            f"{KEY_PREFIX}_BUNDLE must be the path of a databricks.yml, not {value!r}."
        )
    path = root / value
    return (path if path.exists() else Path(value)).resolve()
