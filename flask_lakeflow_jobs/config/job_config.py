"""The configuration of one job, checked: its settings, and the schema of its parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

from marshmallow import Schema
from marshmallow.fields import Field

from ..errors import ConfigurationError, quote, suggest
from ..runs.ids import parse_id
from ..runs.run_now_fields import TASK_TYPES
from .keys import WAIT_TIMEOUT
from .notify import NotifyRule, NotifySetting, parse_notify
from .readers import Parser, parse_seconds

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


#: The value of each setting of a job that sets nothing.
DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in dataclasses.fields(JobConfig)}


def read_job_settings(where: str, value: Any, notify: NotifyRule) -> dict[str, Any]:
    """Check the settings that one source has for a job, and convert them to those of ``Job``.

    The fields of a ``JobConfig`` that equal the defaults count as not set.

    :param where: the setting, for messages.
    :param notify: the rule of the app, which that of a job overrides.
    :raises ConfigurationError: a setting is invalid.
    """
    parsers: dict[str, Parser[Any]] = {**_PARSERS, "notify": partial(parse_notify, default=notify)}
    return {name: parsers[name](f"{where}.{name}", each) for name, each in _find_set(where, value)}


def _find_set(where: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Return the settings that a source has for a job, with their values."""
    if isinstance(value, JobConfig):
        values = [(name, getattr(value, name)) for name in DEFAULTS]
        return [(name, each) for name, each in values if each != DEFAULTS[name]]
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where} must be a JobConfig or a mapping such as {{'job_id': 123}}, not"
            f" {type(value).__name__}."
        )
    unknown = sorted(str(name) for name in value if name not in DEFAULTS)
    if unknown:
        raise ConfigurationError(
            f"{where} has no setting {', '.join(map(repr, unknown))}."
            f"{suggest(unknown[0], DEFAULTS)}"
            f" The settings of a job are {', '.join(sorted(DEFAULTS))}."
        )
    return value.items()


def _require(is_valid: Callable[[Any], bool], kind: str) -> Parser[Any]:
    """Return the parser of a setting that is used as it is."""

    def parse(where: str, value: Any) -> Any:
        if not is_valid(value):
            raise ConfigurationError(f"{where} must be {kind}, not {quote(value)}.")
        return value

    return parse


def require_job_id(where: str, value: Any) -> int:
    """Return the id of a job.

    :param where: the setting, for messages.
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
        f"{where} must be a marshmallow Schema, a dict of fields, or a pydantic model,"
        f" not {quote(params)}."
    )


def _build_model_schema(where: str, model: Any) -> Schema:
    from ..runs.pydantic_schema import build_model_schema  # an extra, which the model comes from

    try:
        return build_model_schema(model)
    except TypeError as error:
        raise ConfigurationError(f"{where} must be a pydantic model: {error}.") from None


#: The check of each setting but ``notify``: it also converts the value.
_PARSERS: Mapping[str, Parser[Any]] = {
    "job_id": lambda where, value: None if value is None else require_job_id(where, value),
    "task_type": _require(
        lambda value: value is None or value in tuple(TASK_TYPES), f"one of {', '.join(TASK_TYPES)}"
    ),
    "params": _build_schema,
    "wait_timeout": parse_seconds,
    "run_as": _require(lambda value: value in ("app", "user"), "'app' or 'user'"),
    "policy": _require(lambda value: value is None or callable(value), "callable"),
    "description": _require(lambda value: isinstance(value, str | None), "text"),
    "follow": _require(lambda value: value in ("own", "all", False), "'own', 'all' or False"),
}
