"""The jobs of an app: from code, config, environment and bundle to checked jobs."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

from marshmallow import Schema

from ..errors import ConfigurationError, quote, suggest
from ..runs.json_schema import build_params_schema
from ..runs.redaction import SecretOverrides, secret_overrides
from .job_config import (
    DEFAULTS,
    JobConfigs,
    Policy,
    parse_job_id,
    read_job_settings,
    require_job_id,
)
from .keys import JOBS
from .notify import NO_RULE, NotifyRule
from .readers import SettingsReader, parse_mapping

_log = logging.getLogger("flask_lakeflow_jobs")

JOB_PREFIX = "DATABRICKS_JOB_"
SINGLE_JOB = "DATABRICKS_JOB_ID"

#: Segments of the HTTP API's paths that stand where a job's key does.
RESERVED_KEYS = frozenset(
    {
        *("health", "lakeflow.js", "lakeflow-requests.js", "lakeflow-streams.js", "openapi.json"),
        *("progress.py", "runs", "stream", "webhook"),
    }
)

NO_JOBS_MESSAGE = (
    "This app has no jobs. Set DATABRICKS_JOB_<NAME> to a job's id, or LAKEFLOW_JOBS, or"
    " LAKEFLOW_JOBS_BUNDLE to the path of a databricks.yml."
)


@dataclass(frozen=True)
class Job:
    """A checked and complete job of an app."""

    key: str
    job_id: int
    task_type: str | None
    schema: Schema | None
    wait_timeout: float
    run_as: Literal["app", "user"]
    policy: Policy | None
    description: str | None
    follow: Literal["own", "all", False] = "own"
    notify: NotifyRule = NO_RULE

    @cached_property
    def secret_overrides(self) -> SecretOverrides:
        """The fields that the schema declares secret or not secret."""
        return secret_overrides(self.schema)

    @property
    def params_schema(self) -> dict[str, Any]:
        return build_params_schema(self.schema, self.task_type)

    def to_dict(self) -> dict[str, Any]:
        """Return the job as the HTTP API describes it."""
        return {
            "key": self.key,
            "jobId": self.job_id,
            "taskType": self.task_type,
            "description": self.description,
            "runAs": self.run_as,
            "params": self.params_schema,
        }


class LocalJob(NamedTuple):
    """A job of the bundle on the local workspace."""

    job_id: int
    description: str | None = None


def build_env_name(key: str) -> str:
    """Return the name of the setting with the id of a job.

    :param key: the job's key, e.g. ``etl`` or ``nightly-load``.
    """
    return JOB_PREFIX + re.sub(r"\W", "_", key, flags=re.ASCII).upper()


@dataclass(frozen=True)
class _Candidate:
    """A job that a source names.

    :param variable: the setting with the job's id.
    :param is_strict: an invalid candidate is an error. Otherwise it is ignored with a warning,
        because it may have another purpose.
    :param settings: those that the source has, checked.
    """

    key: str
    source: str
    variable: str
    is_strict: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    def report(self, problem: str, *, remedy: str, consequence: str) -> None:
        if self.is_strict:
            raise ConfigurationError(f"{problem} {remedy}")
        _log.warning("%s %s", problem, consequence)


def resolve_jobs(
    reader: SettingsReader,
    code: JobConfigs,
    local: Mapping[str, LocalJob],
    *,
    wait_timeout: float,
    notify: NotifyRule,
) -> dict[str, Job]:
    """Return the jobs of an app: configured ones, those of the bundle and discovered ones.

    An earlier one of these sources takes precedence over a later one.

    :param code: the jobs that the code configures; ``LAKEFLOW_JOBS`` overrides them.
    :param local: the jobs on the local workspace, by key. There, their ids apply, and their
        descriptions where the app has none.
    :param wait_timeout: for jobs that do not override it, as is ``notify``.
    :raises ConfigurationError: a job has no id, or a setting is invalid.
    """
    for name in _job_variables(reader.config):
        if (value := reader.config[name]) is not None:
            require_job_id(name, value)  # also where the id of a bundle applies
    local_by_variable = {build_env_name(key): job for key, job in local.items()}
    accepted: dict[str, _Candidate] = {}
    for candidate in _find_candidates(reader, _configured_jobs(reader, code, notify), local):
        if _has_valid_key(candidate):
            first = accepted.setdefault(candidate.key, candidate)
            if build_env_name(first.key) not in local_by_variable:
                _compare_ids(reader, first, candidate)
    defaults = {**DEFAULTS, "wait_timeout": wait_timeout, "notify": notify}
    jobs = {}
    for key, candidate in accepted.items():
        found = local_by_variable.get(build_env_name(key))
        found = found or LocalJob(_find_id(reader, candidate, local))
        jobs[key] = _build_job(key, {**defaults, **candidate.settings}, found)
    return jobs


def _find_candidates(
    reader: SettingsReader, configured: Iterable[_Candidate], local_keys: Iterable[str]
) -> Iterator[_Candidate]:
    """Yield the jobs that the sources name, in the order of precedence."""
    yield from configured
    variables = {candidate.variable for candidate in configured}
    bundled = [
        _Candidate(key, "The bundle", variable)
        for key in local_keys
        if (variable := build_env_name(key)) not in variables
    ]
    yield from bundled
    variables |= {each.variable for each in bundled if not _find_key_problem(each.key)}
    yield from _discovered_jobs(reader, variables)


def _has_valid_key(candidate: _Candidate) -> bool:
    problem = _find_key_problem(candidate.key)
    if problem is None:
        return True
    candidate.report(
        f"{candidate.source} names a job {candidate.key!r}, but {problem}.",
        remedy="Give the job another key, and its id as 'job_id'.",
        consequence=f"It is ignored; name the job in {JOBS.name} under another key.",
    )
    return False


def _find_key_problem(key: str) -> str | None:
    if not re.fullmatch(r"[\w.-]+", key) or key in (".", ".."):
        return "a key consists of letters, digits, '_', '-' and '.', and is not '.' or '..'"
    if key in RESERVED_KEYS:
        return "that is the name of a route of the HTTP API"
    return None


def _compare_ids(reader: SettingsReader, first: _Candidate, later: _Candidate) -> None:
    """Report a candidate whose setting has another id than that of an earlier one with its key."""
    used, ignored = reader.get(first.variable), reader.get(later.variable)
    if first.settings.get("job_id") is not None or used in (None, ""):
        return
    if parse_job_id(used) != parse_job_id(ignored):
        later.report(
            f"{first.variable} and {later.source} give the job {later.key!r} different ids.",
            remedy="Keep one of them.",
            consequence=f"{later.source} is ignored.",
        )


def _configured_jobs(
    reader: SettingsReader, code: JobConfigs, notify: NotifyRule
) -> Collection[_Candidate]:
    """Return the jobs of the code, overridden field by field by those of ``LAKEFLOW_JOBS``."""
    found: dict[str, _Candidate] = {}
    for source, jobs in (("jobs", code), (JOBS.name, reader.read(JOBS, parse_mapping))):
        for name, value in jobs.items():
            key = _read_key(source, name)
            settings = read_job_settings(f"{source}[{name!r}]", value, notify)
            if key in found:
                settings = {**found[key].settings, **settings}
            found[key] = _Candidate(key, source, build_env_name(key), True, settings)
    return found.values()


def _read_key(source: str, name: object) -> str:
    """Return a key as text; a member of an enumeration of texts counts as its value."""
    if isinstance(name, str):
        return "".join(name)
    if isinstance(name, bool) or not isinstance(name, int):
        raise ConfigurationError(f"{source} names a job {quote(name)}, but a key is text.")
    return str(name)


def _discovered_jobs(reader: SettingsReader, ignored: set[str]) -> Iterator[_Candidate]:
    """Yield the jobs that ``DATABRICKS_JOB_*`` settings name, those of the app's config first."""
    variables = {*_job_variables(reader.config), *_job_variables(reader.environ)}
    in_config = {name for name in variables if reader.config.get(name) is not None}
    for name in sorted(variables - ignored, key=lambda each: (each not in in_config, each)):
        value = reader.get(name)
        if name in in_config or (value and (name == SINGLE_JOB or parse_job_id(value) is not None)):
            key = "default" if name == SINGLE_JOB else name.removeprefix(JOB_PREFIX).lower()
            yield _Candidate(key, name, name, is_strict=name in in_config)
        elif value:
            _log.warning("%s is not a job id. It is ignored.", name)


def _job_variables(names: Iterable[object]) -> list[str]:
    """Return the names with the prefix of job ids. Keys of ``app.config`` may be any objects."""
    return sorted(name for name in names if isinstance(name, str) and name.startswith(JOB_PREFIX))


def _find_id(reader: SettingsReader, candidate: _Candidate, local_keys: Collection[str]) -> int:
    if (job_id := candidate.settings.get("job_id")) is not None:
        return int(job_id)
    variables = [candidate.variable]
    if candidate.key == "default":
        variables.append(SINGLE_JOB)
    for name in variables:
        value = reader.get(name)
        if value is not None and (value != "" or name in reader.config):
            return require_job_id(name, value)
    if local_keys:
        raise ConfigurationError(
            f"The bundle has no job {quote(candidate.key)} with tasks."
            f"{suggest(candidate.key, local_keys)} Its jobs: {', '.join(sorted(local_keys))}."
        )
    raise ConfigurationError(
        f"The job {candidate.key!r} has no id. Set {candidate.variable}, or 'job_id' in"
        f" {JOBS.name}."
    )


def _build_job(key: str, settings: Mapping[str, Any], found: LocalJob) -> Job:
    description = settings["description"] or found.description
    values = {**settings, "job_id": found.job_id, "description": description}
    return Job(key=key, schema=values.pop("params"), **values)
