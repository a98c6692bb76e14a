"""Settings: from ``app.config`` and the environment to a frozen, checked object."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import ConfigurationError, quote
from . import keys
from .job_config import JobConfig, JobConfigs
from .jobs import Job, LocalJob, resolve_jobs
from .notify import NotifyRule, parse_notify
from .readers import SettingsReader

_log = logging.getLogger("flask_lakeflow_jobs")

#: The folder of the local workspace, in the app's instance folder.
LOCAL_FOLDER = "lakeflow"

#: Returns the jobs of a bundle, by key.
ReadBundleJobs: TypeAlias = Callable[[Path], Mapping[str, LocalJob]]


@dataclass(frozen=True)
class AppSettings:
    """The settings of one app, named like their keys. Times are in seconds.

    :param jobs: by key.
    :param sdk: arguments of the SDK's ``Config``.
    :param bundle: the bundle on the local workspace; ``None`` with a real workspace.
    """

    jobs: Mapping[str, Job]
    sdk: Mapping[str, str] = field(repr=False)
    bundle: Path | None
    local_install: bool
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
    warm_up: bool
    console: bool
    console_prefix: str
    read_only: bool
    trust_proxy_headers: bool
    attribution_parameter: str | None
    progress_parameter: str | None
    webhook_username: str | None
    webhook_password: str | None = field(repr=False)
    webhook_token: str | None = field(repr=False)
    record_url: str | bool | None = field(repr=False)
    record_days: int
    follow: bool
    notify: NotifyRule
    lakebase: str | bool | None

    @property
    def accepts_notifications(self) -> bool:
        """Return whether Databricks may send notifications about runs."""
        return self.webhook_username is not None or self.webhook_token is not None


def load_settings(
    reader: SettingsReader,
    jobs: JobConfigs | None,
    *,
    root: Path,
    read_bundle_jobs: ReadBundleJobs,
) -> AppSettings:
    """Read and check all settings.

    :param jobs: the jobs that the code configures; ``LAKEFLOW_JOBS`` overrides them.
    :param root: the folder for a relative ``LAKEFLOW_JOBS_BUNDLE``, if it exists there.
    :raises ConfigurationError: a setting is invalid. The message names its key.
    """
    for name, closest in keys.find_unknown_keys([*reader.config, *reader.environ]):
        suggestion = f" Did you mean {closest}?" if closest else ""
        _log.warning("%s is not a setting and is ignored.%s", name, suggestion)
    bundle = None if reader.get("DATABRICKS_HOST") else _read_bundle(reader, root)
    local_jobs = read_bundle_jobs(bundle) if bundle else {}
    timeout = reader.read_optional(reader.read_seconds, keys.TIMEOUT)
    read_timeout = reader.read_seconds(keys.READ_TIMEOUT)
    write_timeout = reader.read_seconds(keys.WRITE_TIMEOUT)
    wait_timeout = reader.read_seconds(keys.WAIT_TIMEOUT)
    webhook_username, webhook_password = _read_webhook_credentials(reader)
    notify = parse_notify(keys.NOTIFY.name, reader.get(keys.NOTIFY.name) or None)
    defaults = JobConfig(wait_timeout=wait_timeout, notify=notify)
    settings = AppSettings(
        jobs=resolve_jobs(reader, jobs or {}, local_jobs, defaults),
        sdk=_read_sdk_arguments(reader),
        bundle=bundle,
        poll_interval=reader.read_seconds(keys.POLL_INTERVAL),
        read_timeout=timeout or read_timeout,
        write_timeout=timeout or write_timeout,
        read_attempts=reader.read_int(keys.READ_ATTEMPTS),
        wait_timeout=wait_timeout,
        cache_ttl=reader.read_seconds(keys.CACHE_TTL, minimum=0.0),
        cache=reader.read_cache_config(keys.CACHE),
        max_streams=reader.read_optional(partial(reader.read_int, minimum=0), keys.MAX_STREAMS),
        stream_max_seconds=reader.read_seconds(keys.STREAM_MAX_SECONDS),
        heartbeat=reader.read_seconds(keys.HEARTBEAT),
        push=reader.read_bool(keys.PUSH),
        warm_up=reader.read_bool(keys.WARM_UP),
        local_install=reader.read_bool(keys.LOCAL_INSTALL),
        console=reader.read_bool(keys.CONSOLE),
        console_prefix=reader.read_path_prefix(keys.CONSOLE_PREFIX),
        read_only=reader.read_bool(keys.READ_ONLY),
        trust_proxy_headers=reader.read_bool(keys.TRUST_PROXY_HEADERS),
        attribution_parameter=reader.read_optional(
            reader.read_parameter_name, keys.ATTRIBUTION_PARAMETER
        ),
        progress_parameter=_read_progress_parameter(reader),
        webhook_username=webhook_username,
        webhook_password=webhook_password,
        webhook_token=reader.read_optional(reader.read_secret, keys.WEBHOOK_TOKEN),
        record_url=reader.read_optional(reader.read_database_url, keys.RECORD_URL) or None,
        record_days=reader.read_int(keys.RECORD_DAYS),
        follow=reader.read_bool(keys.FOLLOW),
        notify=notify,
        lakebase=_read_lakebase(reader, bundle),
    )
    _require_record(settings)
    return settings


def _require_record(settings: AppSettings) -> None:
    if settings.record_url is not None:
        return
    needing = [keys.FOLLOW.name] if settings.follow else []
    if any(job.notify.urls for job in settings.jobs.values()):
        needing.append(f"{keys.NOTIFY.name} (or 'notify' of a job)")
    if needing:
        raise ConfigurationError(
            f"{needing[0]} requires {keys.RECORD_URL.name}. Set it to true or to the URL of a"
            " database."
        )


def _read_sdk_arguments(reader: SettingsReader) -> dict[str, str]:
    """Return the SDK's settings without the blanks around them, such as the end of a file's line.

    The SDK reads those of the environment itself, as they are.
    """
    arguments = {}
    for name, argument in keys.SDK_KEYS.items():
        value = reader.config.get(name)
        # A number: Flask's from_prefixed_env() reads a client id of digits as one.
        if isinstance(value, bool) or not isinstance(value, str | int | Path | None):
            raise ConfigurationError(f"{name} must be text, not {type(value).__name__}.")
        text = "" if value is None else str(value).strip()
        variable = reader.environ.get(name, "")
        if not text and variable != variable.strip():
            text = variable.strip()
        if text:
            arguments[argument] = text
    return arguments


def _read_progress_parameter(reader: SettingsReader) -> str | None:
    name = reader.read_optional(reader.read_parameter_name, keys.PROGRESS_PARAMETER)
    if name is None:
        return None
    key, other = keys.PROGRESS_PARAMETER.name, keys.ATTRIBUTION_PARAMETER.name
    secret = reader.config.get("SECRET_KEY")
    if not secret or not isinstance(secret, str | bytes):  # from_prefixed_env() may read a number
        raise ConfigurationError(
            f"{key} requires SECRET_KEY in app.config, which signs the tokens of the runs. Set it"
            " before the extension, to the same text in all processes."
        )
    if name == reader.get(other):
        raise ConfigurationError(f"{key} and {other} must name different parameters.")
    return name


def _read_webhook_credentials(reader: SettingsReader) -> tuple[str | None, str | None]:
    username = reader.read_optional(reader.read_secret, keys.WEBHOOK_USERNAME)
    password = reader.read_optional(reader.read_secret, keys.WEBHOOK_PASSWORD)
    if (username is None) != (password is None):
        present, missing = keys.WEBHOOK_USERNAME.name, keys.WEBHOOK_PASSWORD.name
        if username is None:
            present, missing = missing, present
        raise ConfigurationError(f"{present} requires {missing}. Set both or neither.")
    if username is not None and ":" in username:  # RFC 7617, section 2
        raise ConfigurationError(f"{keys.WEBHOOK_USERNAME.name} must not contain a colon.")
    return username, password


def _read_lakebase(reader: SettingsReader, bundle: Path | None) -> str | bool | None:
    lakebase = reader.read_optional(reader.read_lakebase, keys.LAKEBASE) or None
    if lakebase and bundle:
        raise ConfigurationError(
            f"{keys.LAKEBASE.name} requires a workspace, and the local one has no databases. Set"
            f" DATABRICKS_HOST, or use {keys.RECORD_URL.name}=true without it."
        )
    return lakebase


def _read_bundle(reader: SettingsReader, root: Path) -> Path | None:
    value = reader.get(keys.BUNDLE.name)
    if value in (None, ""):
        return None
    if not isinstance(value, str | Path):
        raise ConfigurationError(
            f"{keys.BUNDLE.name} must be the path of a databricks.yml, not {quote(value)}."
        )
    path = root / value
    try:
        path.stat()  # from Python 3.14 on, exists() hides errors
    except (FileNotFoundError, NotADirectoryError):
        path = Path(value)
    except (OSError, ValueError) as error:  # such as a name that is too long
        raise ConfigurationError(f"{keys.BUNDLE.name} is not a path: {error}.") from None
    return path.resolve()
