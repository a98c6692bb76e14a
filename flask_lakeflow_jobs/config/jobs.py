"""The named jobs of an app: from what code, config, environment and bundle say to checked jobs."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from marshmallow import Schema
from marshmallow.fields import Field

from ..errors import ConfigurationError, quote
from ..runs.ids import parse_id
from ..runs.params import TASK_TYPES
from ..runs.params_schema import build_params_schema
from ..runs.redaction import SecretOverrides, secret_overrides
from .keys import JOBS, WAIT_TIMEOUT
from .readers import SettingsReader, parse_number, read_mapping

_log = logging.getLogger("flask_lakeflow_jobs")
JOB_PREFIX = "DATABRICKS_JOB_"
SINGLE_JOB = "DATABRICKS_JOB_ID"

#: What stands where a job's key does in the paths of the HTTP API, and so is no key.
RESERVED_KEYS = frozenset({"lakeflow.js", "openapi.json", "stream", "webhook"})

#: Said to whoever looks for the jobs of an app that has none.
NO_JOBS_MESSAGE = (
    "This app has no jobs. Set DATABRICKS_JOB_<NAME> to a job's id, or LAKEFLOW_JOBS, or"
    " LAKEFLOW_JOBS_BUNDLE to the path of a databricks.yml."
)

#: ``(user, action, job key) -> may they?``
Policy: TypeAlias = Callable[[Any, str, str], bool]

#: The values of the mapping are fields; a type checker takes a dict of several kinds for one of
#: objects, so that the type does not say so.
Params: TypeAlias = "Schema | type[Schema] | Mapping[str, object]"


@dataclass(frozen=True)
class JobConfig:
    """One named job.

    :param job_id: the job's id in the workspace; without it, ``DATABRICKS_JOB_<KEY>`` gives it.
    :param task_type: where parameters go, one of ``notebook``, ``python_wheel``,
        ``python_script``, ``spark_jar``, ``sql``, ``dbt``, ``dbt_commands``, ``job``, ``pipeline``.
    :param params: a marshmallow schema (class or instance), or a dict of fields.
    :param wait_timeout: seconds that ``run_and_wait`` waits; left as it is, the app's
        ``LAKEFLOW_JOBS_WAIT_TIMEOUT`` holds.
    :param run_as: ``"app"``, or ``"user"``: then only handles from ``as_user`` act, and the HTTP
        routes act with the token of whoever asks.
    :param policy: who may do what with this job; it is asked instead of the extension's.
    :param description: for people.
    """

    job_id: int | None = None
    task_type: str | None = None
    params: Params | None = None
    wait_timeout: float = WAIT_TIMEOUT.default
    run_as: Literal["app", "user"] = "app"
    policy: Policy | None = None
    description: str | None = None


@dataclass(frozen=True)
class Job:
    """A job as the settings have it, checked and complete."""

    key: str
    job_id: int
    task_type: str | None
    schema: Schema | None
    wait_timeout: float
    run_as: Literal["app", "user"]
    policy: Policy | None
    description: str | None

    @cached_property
    def secret_overrides(self) -> SecretOverrides:
        """What the schema says of its fields: which are secrets, and which only look like it."""
        return secret_overrides(self.schema)

    @property
    def params_schema(self) -> dict[str, Any]:
        """The JSON Schema of its parameters."""
        return build_params_schema(self.schema, self.task_type)

    def to_dict(self) -> dict[str, Any]:
        """The job as the API describes it."""
        return {
            "key": self.key,
            "jobId": self.job_id,
            "taskType": self.task_type,
            "description": self.description,
            "runAs": self.run_as,
            "params": self.params_schema,
        }


JobConfigs: TypeAlias = Mapping[str, JobConfig | Mapping[str, Any]]


def build_env_name(key: str) -> str:
    """The setting that gives the id of the job under a key.

    :param key: e.g. ``etl`` or ``nightly-load``.
    """
    return JOB_PREFIX + re.sub(r"\W", "_", key, flags=re.ASCII).upper()


def resolve_jobs(
    sources: SettingsReader, code: JobConfigs, local_ids: Mapping[str, int], wait_timeout: float
) -> dict[str, Job]:
    """All jobs of an app: those named outright, those of the bundle, those that were discovered.

    :param sources: the app's config and the environment.
    :param code: the jobs that the code names.
    :param local_ids: key → id of the jobs on the local workspace; there, these ids hold.
    :param wait_timeout: seconds, for jobs that do not say otherwise.
    :raises ConfigurationError: for a job without an id, or a setting that makes no sense.
    """
    local = {build_env_name(key): job_id for key, job_id in local_ids.items()}
    configs = _outright(sources, code, wait_timeout)
    taken = {build_env_name(key) for key in configs}
    left_alone = JobConfig(wait_timeout=wait_timeout)
    configs |= {
        key: left_alone
        for key in local_ids
        if build_env_name(key) not in taken and _is_free(key, "The bundle", is_meant=False)
    }
    origins = {key: build_env_name(key) for key in configs}
    for name in _job_settings(sources):
        if name not in origins.values():
            key = "default" if name == SINGLE_JOB else name.removeprefix(JOB_PREFIX).lower()
            is_meant = sources.config.get(name) is not None
            if _discovered(sources, name) and _is_free(key, name, is_meant=is_meant):
                first = origins.setdefault(key, name)
                if configs.get(key, left_alone).job_id is None and build_env_name(key) not in local:
                    _check_agreement(sources, key, first, name, is_meant=is_meant)
    return {
        key: _job(
            key,
            configs.get(key, left_alone),
            local.get(build_env_name(key))
            or _configured_id(sources, key, origin, configs.get(key)),
        )
        for key, origin in origins.items()
    }


def _job_settings(sources: SettingsReader) -> list[str]:
    """The settings that may name jobs; those of the app's config come first, and so win."""
    names: set[object] = {*sources.config, *sources.environ}  # Flask lets the keys be anything
    found = [name for name in names if isinstance(name, str) and name.startswith(JOB_PREFIX)]
    return sorted(found, key=lambda name: (sources.config.get(name) is None, name))


def _is_free(key: str, where: str, *, is_meant: bool) -> bool:
    """Whether a job may have a key; what nobody may have meant to be a key only warns."""
    if not re.fullmatch(r"[\w.-]+", key) or key in (".", ".."):
        why = "a key is letters, digits, '_', '-' and '.', and not '.' or '..' alone"
    elif key in RESERVED_KEYS:
        why = "that is the name of a route of the HTTP API"
    else:
        return True
    taken = f"{where} names a job {key!r}, and {why}."
    if is_meant:
        raise ConfigurationError(f"{taken} Give the job another key, and its id as 'job_id'.")
    _log.warning("%s So it is left out; name it in %s under another key.", taken, JOBS.name)
    return False


def _check_agreement(
    sources: SettingsReader, key: str, first: str, second: str, *, is_meant: bool
) -> None:
    """See that two settings for the id of one job agree; as with keys, some only warn."""
    ids = {_as_id(sources.get(name)) for name in (first, second)}
    if len(ids) == 1 or sources.get(first) in (None, ""):
        return
    both = f"{first} and {second} give the job {key!r} different ids."
    if is_meant:
        raise ConfigurationError(f"{both} Keep one of them.")
    _log.warning("%s %s is left out.", both, second)


def _configured_id(sources: SettingsReader, key: str, origin: str, config: JobConfig | None) -> int:
    if config is not None and config.job_id is not None:
        return config.job_id
    for name in (origin, SINGLE_JOB) if key == "default" else (origin,):
        value = sources.get(name)
        if value is not None and (value != "" or name in sources.config):
            return _checked_id(value, name)
    raise ConfigurationError(
        f"The job {key!r} has no id: set {origin}, or 'job_id' in {JOBS.name}."
    )


def _discovered(sources: SettingsReader, name: str) -> bool:
    """Whether a setting names a job; what the environment has by chance only warns."""
    if sources.config.get(name) is not None or name == SINGLE_JOB:
        return sources.get(name) not in (None, "") or sources.config.get(name) == ""
    if name not in sources.environ:
        return False
    value = sources.environ[name]
    if value and _as_id(value) is None:
        _log.warning("%s is not a job id, so it names no job.", name)
    return _as_id(value) is not None


def _checked_id(value: Any, where: str) -> int:
    job_id = _as_id(value)
    if job_id is None:
        raise ConfigurationError(
            f"{where} must be a job id, a positive number, not {quote(value)}."
        )
    return job_id


def _as_id(value: Any) -> int | None:
    return parse_id(value.strip() if isinstance(value, str) else value)


def _outright(
    sources: SettingsReader, code: JobConfigs, wait_timeout: float
) -> dict[str, JobConfig]:
    """The jobs that are named outright: those in code, overridden field by field by the config."""
    settings: dict[str, dict[str, Any]] = {}
    named: dict[str, JobConfig] = {}
    for source, jobs in (("jobs", code), (JOBS.name, read_mapping(sources, JOBS))):
        for name, value in jobs.items():
            key, where = str(name), f"{source}[{name!r}]"
            _is_free(key, source, is_meant=True)
            settings[key] = {**settings.get(key, {}), **_given(where, value)}
            named[key] = _checked(where, {"wait_timeout": wait_timeout, **settings[key]})
    return named


def _given(where: str, value: Any) -> Mapping[str, Any]:
    """The settings of a job that somebody has made; of a config, those not left as they are."""
    defaults = {field.name: field.default for field in dataclasses.fields(JobConfig)}
    if isinstance(value, JobConfig):
        made = {name: getattr(value, name) for name in defaults}
        return {name: made[name] for name in made if made[name] != defaults[name]}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where} must be a JobConfig or a mapping, not {type(value).__name__}."
        )
    unknown = sorted(str(name) for name in value if name not in defaults)
    if unknown:
        raise ConfigurationError(
            f"{where} has no setting {', '.join(map(repr, unknown))}."
            f" The settings of a job: {', '.join(sorted(defaults))}."
        )
    return value


def _checked(where: str, settings: Mapping[str, Any]) -> JobConfig:
    config = JobConfig(**settings)
    if config.job_id is not None:
        config = dataclasses.replace(config, job_id=_checked_id(config.job_id, f"{where}.job_id"))
    if config.task_type is not None and config.task_type not in tuple(TASK_TYPES):
        raise ConfigurationError(
            f"{where}.task_type must be one of {', '.join(TASK_TYPES)}, not {config.task_type!r}."
        )
    if config.run_as not in ("app", "user"):
        raise ConfigurationError(f"{where}.run_as must be 'app' or 'user', not {config.run_as!r}.")
    if config.policy is not None and not callable(config.policy):
        raise ConfigurationError(f"{where}.policy must be callable.")
    return dataclasses.replace(
        config,
        params=_schema(f"{where}.params", config.params),
        wait_timeout=parse_number(f"{where}.wait_timeout", config.wait_timeout, above=0.0),
    )


def _schema(where: str, params: Params | None) -> Schema | None:
    if params is None or isinstance(params, Schema):
        return params
    if isinstance(params, type) and issubclass(params, Schema):
        return params()
    if isinstance(params, Mapping):
        given: Mapping[Any, Any] = params
        for name, field in given.items():
            if not (isinstance(name, str) and isinstance(field, Field)):
                raise ConfigurationError(
                    f"{where}[{name!r}] must be a marshmallow field under a name, such as"
                    f" {{'day': fields.Date()}}, not {field!r}."
                )
        return Schema.from_dict(dict(given))()
    raise ConfigurationError(f"{where} must be a marshmallow Schema or a dict of fields.")


def _job(key: str, config: JobConfig, job_id: int) -> Job:
    assert config.params is None or isinstance(config.params, Schema)  # noqa: S101
    return Job(
        key=key,
        job_id=job_id,
        task_type=config.task_type,
        schema=config.params,
        wait_timeout=config.wait_timeout,
        run_as=config.run_as,
        policy=config.policy,
        description=config.description,
    )
