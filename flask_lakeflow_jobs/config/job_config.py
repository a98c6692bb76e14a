"""The configuration of one job, checked: its settings, and the schema of its parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

from marshmallow import Schema
from marshmallow.fields import Field

from ..errors import ConfigurationError, quote, suggest
from ..runs.ids import parse_id
from ..runs.run_now_fields import TASK_TYPES
from .keys import WAIT_TIMEOUT
from .notify import NotifyRule, NotifySetting, parse_notify
from .readers import parse_seconds

#: ``(user, action, job key) -> whether the action is allowed``
Policy: TypeAlias = Callable[[Any, str, str], bool]


class ParamsModel(Protocol):
    """A pydantic model, as far as type checkers must know it where pydantic is not installed."""

    @classmethod
    def model_validate(cls, obj: Any) -> Any: ...

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]: ...


#: A schema, a mapping of fields or a pydantic model. The values are typed as objects because type
#: checkers infer ``dict[str, object]`` for fields of several classes.
Params: TypeAlias = "Schema | type[Schema] | Mapping[str, object] | type[ParamsModel]"


@dataclass(frozen=True)
class JobConfig:
    """The configuration of one job.

    :param job_id: the job's id in the workspace. By default, ``DATABRICKS_JOB_<KEY>``.
    :param task_type: selects the field for parameters: ``notebook``, ``python_wheel``,
        ``python_script``, ``spark_jar``, ``sql``, ``dbt``, ``dbt_commands``, ``job`` or
        ``pipeline``.
    :param params: the parameters that the job accepts: a marshmallow schema (class or instance), a
        dict of fields, or a pydantic model (the class); ``None``: any.
    :param wait_timeout: seconds, above 0, that ``run_and_wait``, ``watch`` and ``wait`` wait. By
        default, the app's ``LAKEFLOW_JOBS_WAIT_TIMEOUT``.
    :param run_as: ``"app"`` or ``"user"``. With ``"user"``, only handles from ``as_user`` can act,
        and the HTTP routes act with the token of the requester.
    :param policy: ``(user, action, job key) -> bool``, for this job instead of the extension's.
    :param description: a text for people, in lists and the HTTP API. By default, that of the
        bundle.
    :param follow: with ``LAKEFLOW_JOBS_FOLLOW``: ``"own"`` follows the runs that the app starts,
        ``"all"`` also those that are started elsewhere, such as by a schedule, and ``False`` none.
    :param notify: overrides ``LAKEFLOW_JOBS_NOTIFY`` for this job: URLs, a mapping, or ``False``.
    """

    job_id: int | None = None
    task_type: str | None = None
    params: Params | None = None
    wait_timeout: float = WAIT_TIMEOUT.default
    run_as: Literal["app", "user"] = "app"
    policy: Policy | None = None
    description: str | None = None
    follow: Literal["own", "all", False] = "own"
    notify: NotifySetting | NotifyRule = None


class JobMapping(TypedDict, total=False):
    """The configuration of one job as a mapping: see :class:`JobConfig`."""

    job_id: int | str | None
    task_type: str | None
    params: Params | None
    wait_timeout: float
    run_as: Literal["app", "user"]
    policy: Policy | None
    description: str | None
    follow: Literal["own", "all", False]
    notify: NotifySetting | NotifyRule


JobConfigs: TypeAlias = Mapping[str, JobConfig | JobMapping]


def read_job_settings(where: str, value: Any) -> Mapping[str, Any]:
    """Return the settings of a job; those of a ``JobConfig`` that differ from the defaults."""
    defaults = {field.name: field.default for field in dataclasses.fields(JobConfig)}
    if isinstance(value, JobConfig):
        values = {name: getattr(value, name) for name in defaults}
        return {name: values[name] for name in values if values[name] != defaults[name]}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where} must be a JobConfig or a mapping such as {{'job_id': 123}}, not"
            f" {type(value).__name__}."
        )
    unknown = sorted(str(name) for name in value if name not in defaults)
    if unknown:
        raise ConfigurationError(
            f"{where} has no setting {', '.join(map(repr, unknown))}."
            f"{suggest(unknown[0], defaults)}"
            f" The settings of a job are {', '.join(sorted(defaults))}."
        )
    return value


def build_job_config(where: str, settings: Mapping[str, Any], default: JobConfig) -> JobConfig:
    """Check the configuration of a job, and complete it.

    :param where: the setting, for messages.
    :param default: overridden where the settings have a value.
    :raises ConfigurationError: a setting is invalid.
    """
    config = JobConfig(**{"wait_timeout": default.wait_timeout, **settings})
    if config.job_id is not None:
        config = dataclasses.replace(
            config, job_id=require_job_id(config.job_id, f"{where}.job_id")
        )
    if config.task_type is not None and config.task_type not in tuple(TASK_TYPES):
        raise ConfigurationError(
            f"{where}.task_type must be one of {', '.join(TASK_TYPES)}, not {config.task_type!r}."
        )
    if config.run_as not in ("app", "user"):
        raise ConfigurationError(f"{where}.run_as must be 'app' or 'user', not {config.run_as!r}.")
    if config.policy is not None and not callable(config.policy):
        raise ConfigurationError(f"{where}.policy must be callable.")
    if not isinstance(config.description, str | None):
        raise ConfigurationError(f"{where}.description must be text.")
    if config.follow not in ("own", "all", False):
        raise ConfigurationError(
            f"{where}.follow must be 'own', 'all' or False, not {quote(config.follow)}."
        )
    return dataclasses.replace(
        config,
        notify=parse_notify(f"{where}.notify", config.notify, parse_notify("", default.notify)),
        params=_build_schema(f"{where}.params", config.params),
        wait_timeout=parse_seconds(f"{where}.wait_timeout", config.wait_timeout),
    )


def require_job_id(value: Any, where: str) -> int:
    """Return the id of a job.

    :raises ConfigurationError: the value is not an id.
    """
    job_id = parse_job_id(value)
    if job_id is None:
        raise ConfigurationError(
            f"{where} must be a job id, a positive number, not {quote(value)}."
        )
    return job_id


def parse_job_id(value: Any) -> int | None:
    """Return the id of a job; ``None`` if the value of a setting is none."""
    return parse_id(value.strip() if isinstance(value, str) else value)


def _build_schema(where: str, params: Params | None) -> Schema | None:
    """Return the schema of a job's parameters.

    :param where: the setting, for messages.
    :raises ConfigurationError: it is none of these.
    """
    if params is None or isinstance(params, Schema):
        return params
    if isinstance(params, type) and issubclass(params, Schema):
        return params()
    if isinstance(params, Mapping):
        schema_fields: Mapping[Any, Any] = params
        for name, field in schema_fields.items():
            if not (isinstance(name, str) and isinstance(field, Field)):
                raise ConfigurationError(
                    f"{where}[{name!r}] must be a marshmallow field under a name, such as"
                    f" {{'day': fields.Date()}}, not {field!r}."
                )
        return Schema.from_dict(dict(schema_fields))()
    model: Any = params
    if isinstance(model, type) and hasattr(model, "model_validate"):
        return _build_model_schema(where, model)
    raise ConfigurationError(
        f"{where} must be a marshmallow Schema, a dict of fields, or a pydantic model."
    )


def _build_model_schema(where: str, model: Any) -> Schema:
    from ..runs.pydantic_schema import build_model_schema  # an extra, which the model comes from

    try:
        return build_model_schema(model)
    except TypeError as error:
        raise ConfigurationError(f"{where} must be a pydantic model: {error}.") from None
