"""Settings: from ``app.config`` and the environment to a frozen, checked object."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ..errors import ConfigurationError, quote
from . import keys
from .job_config import JobConfigs
from .jobs import Job, LocalJob, resolve_jobs
from .keys import Key
from .notify import NotifyRule, parse_notify
from .readers import (
    Parser,
    SettingsReader,
    parse_bool,
    parse_cache_config,
    parse_int,
    parse_lakebase,
    parse_parameter_name,
    parse_path_prefix,
    parse_record_url,
    parse_seconds,
    parse_secret,
)

_log = logging.getLogger("flask_lakeflow_jobs")

#: The folder of the local workspace, in the app's instance folder.
LOCAL_FOLDER = "lakeflow"

T = TypeVar("T")

#: Returns the jobs of a bundle, by key.
ReadBundleJobs: TypeAlias = Callable[[Path], Mapping[str, LocalJob]]


def _setting(key: Key, parse: Parser[T], *, is_secret: bool = False) -> T:
    """Declare the field of a setting, and how it is checked."""
    declared: T = field(metadata={"setting": (key, parse)}, repr=not is_secret)
    return declared


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
    notify: NotifyRule
    local_install: bool = _setting(keys.LOCAL_INSTALL, parse_bool)
    poll_interval: float = _setting(keys.POLL_INTERVAL, parse_seconds)
    read_timeout: float = _setting(keys.READ_TIMEOUT, parse_seconds)
    write_timeout: float = _setting(keys.WRITE_TIMEOUT, parse_seconds)
    read_attempts: int = _setting(keys.READ_ATTEMPTS, parse_int)
    wait_timeout: float = _setting(keys.WAIT_TIMEOUT, parse_seconds)
    cache_ttl: float = _setting(keys.CACHE_TTL, partial(parse_seconds, minimum=0.0))
    cache: Mapping[str, Any] = _setting(keys.CACHE, parse_cache_config, is_secret=True)
    max_streams: int | None = _setting(keys.MAX_STREAMS, partial(parse_int, minimum=0))
    stream_max_seconds: float = _setting(keys.STREAM_MAX_SECONDS, parse_seconds)
    heartbeat: float = _setting(keys.HEARTBEAT, parse_seconds)
    push: bool = _setting(keys.PUSH, parse_bool)
    warm_up: bool = _setting(keys.WARM_UP, parse_bool)
    console: bool = _setting(keys.CONSOLE, parse_bool)
    console_prefix: str = _setting(keys.CONSOLE_PREFIX, parse_path_prefix)
    read_only: bool = _setting(keys.READ_ONLY, parse_bool)
    trust_proxy_headers: bool = _setting(keys.TRUST_PROXY_HEADERS, parse_bool)
    attribution_parameter: str | None = _setting(keys.ATTRIBUTION_PARAMETER, parse_parameter_name)
    progress_parameter: str | None = _setting(keys.PROGRESS_PARAMETER, parse_parameter_name)
    webhook_username: str | None = _setting(keys.WEBHOOK_USERNAME, parse_secret)
    webhook_password: str | None = _setting(keys.WEBHOOK_PASSWORD, parse_secret, is_secret=True)
    webhook_token: str | None = _setting(keys.WEBHOOK_TOKEN, parse_secret, is_secret=True)
    record_url: str | bool | None = _setting(keys.RECORD_URL, parse_record_url, is_secret=True)
    record_days: int = _setting(keys.RECORD_DAYS, parse_int)
    follow: bool = _setting(keys.FOLLOW, parse_bool)
    lakebase: str | bool | None = _setting(keys.LAKEBASE, parse_lakebase)

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
    for name, remedy in keys.find_unknown_keys([*reader.config, *reader.environ]):
        _log.warning("%s is not a setting and is ignored. %s", name, remedy)
    bundle = None if reader.get("DATABRICKS_HOST") else _read_bundle(reader, root)
    local_jobs = read_bundle_jobs(bundle) if bundle else {}
    notify = parse_notify(keys.NOTIFY.name, reader.get(keys.NOTIFY.name) or None)
    declared = [each for each in fields(AppSettings) if "setting" in each.metadata]
    values = {each.name: reader.read(*each.metadata["setting"]) for each in declared}
    if (timeout := reader.read(keys.TIMEOUT, parse_seconds)) is not None:
        values |= {"read_timeout": timeout, "write_timeout": timeout}
    settings = AppSettings(
        jobs=resolve_jobs(
            reader, jobs or {}, local_jobs, wait_timeout=values["wait_timeout"], notify=notify
        ),
        sdk=_read_sdk_arguments(reader),
        bundle=bundle,
        notify=notify,
        **values,
    )
    _check_progress_parameter(settings, reader.config.get("SECRET_KEY"))
    _check_webhook_credentials(settings)
    _check_databases(settings)
    return settings


def _check_progress_parameter(settings: AppSettings, secret: object) -> None:
    key, name = keys.PROGRESS_PARAMETER, settings.progress_parameter
    if name is None:
        return
    if not secret or not isinstance(secret, str | bytes):  # from_prefixed_env() may read a number
        raise ConfigurationError(
            f"{key.name} requires SECRET_KEY in app.config, which signs the tokens of the runs. Set"
            " it before the extension, to the same text in all processes."
        )
    if name == settings.attribution_parameter:
        raise ConfigurationError(
            f"{key.name} and {keys.ATTRIBUTION_PARAMETER.name} must name different parameters."
        )


def _check_webhook_credentials(settings: AppSettings) -> None:
    username, password = settings.webhook_username, settings.webhook_password
    if (username is None) != (password is None):
        present, missing = keys.WEBHOOK_USERNAME.name, keys.WEBHOOK_PASSWORD.name
        if username is None:
            present, missing = missing, present
        raise ConfigurationError(f"{present} requires {missing}. Set both or neither.")
    if username is not None and ":" in username:  # RFC 7617, section 2
        raise ConfigurationError(f"{keys.WEBHOOK_USERNAME.name} must not contain a colon.")


def _check_databases(settings: AppSettings) -> None:
    if settings.lakebase and settings.bundle:
        raise ConfigurationError(
            f"{keys.LAKEBASE.name} requires a workspace, and the local one has no databases. Set"
            f" DATABRICKS_HOST, or use {keys.RECORD_URL.name}=true without it."
        )
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
