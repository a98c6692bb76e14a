"""The fields of a bundle and of the settings of jobs: the only list of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..model import OPERATORS, RUN_IF_RULES
from ..task_kinds import TASK_KINDS


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The type of a field, and the fields inside its value.

    :param conversion: ``string``, ``number`` or ``boolean``. ``value`` makes a string
        too, an empty one if there is no value. If it is empty, the value is not converted.
    :param accepts: whether a value is of the type.
    :param message: the message if it is not. It may refer to ``name`` (the key, with its task),
        ``key``, ``task``, ``kind`` and ``value``.
    :param expected: the type as the API names it. Empty if the API calls the value invalid instead
        of the request malformed.
    :param item: the items of a list, or the values of a mapping with any keys.
    :param title: the mapping in a warning about a key that is not among ``names``. Empty if it may
        have other keys.
    """

    conversion: str = ""
    accepts: Callable[[Any], bool] = lambda _: True
    message: str = ""
    expected: str = ""
    is_required: bool = False
    item: Field | None = None
    fields: dict[str, Field] = field(default_factory=dict)
    title: str = ""
    names: Collection[str] = ()

    def children(self, value: Any) -> Iterator[tuple[Any, Field]]:
        """Yield the key or index of each typed value inside a value, and its field."""
        if isinstance(value, dict):
            for key in value:
                if (child := self.fields.get(key, self.item)) is not None:
                    yield key, child
        elif isinstance(value, list) and self.item is not None:
            for index in range(len(value)):
                yield index, self.item


_Keys = Mapping[Field, str]  # the keys of each type, separated by spaces


def _fields(keys: _Keys, **more: Field) -> dict[str, Field]:
    return {key: each for each, text in keys.items() for key in text.split()} | more


def _closed(title: str, keys: _Keys, **more: Field) -> Field:
    fields = _fields(keys, **more)
    return Field(fields=fields, title=title, names=fields.keys())


def _mapping(keys: _Keys | None = None, **more: Field) -> Field:
    message = "{name} has to be a mapping."
    return Field("", _is(dict), message, "object", fields=_fields(keys or {}, **more))


def _list(item: Field) -> Field:
    return Field("", _is(list), "{name} has to be a list.", "array", item=item)


def _list_by(key: str, item: Field) -> Field:
    def accepts(value: Any) -> bool:
        return isinstance(value, list) and all(
            isinstance(each, dict) and isinstance(each.get(key), str) for each in value
        )

    return Field("", accepts, f"{{name}} has to be a list of mappings with a {key!r}.", item=item)


def _is(*types: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, types)


def _number(minimum: int, maximum: int = 2**31 - 1) -> Field:
    def accepts(value: Any) -> bool:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return is_number and minimum <= value <= maximum

    message = f"{{name}} has to be a number from {minimum} to {maximum}, not {{value!r}}."
    return Field("number", accepts, message)


def _choice(values: tuple[str, ...], message: str, *, is_required: bool = False) -> Field:
    message = f"{message} {{value!r}}. It is one of {', '.join(values)}."
    return Field("", values.__contains__, message, is_required=is_required)


MISSING = "The {kind} of task {task!r} needs {key!r}."
VALUE = Field("value")

_ANY = Field()
_BOOLEAN = Field("boolean", _is(bool), "{name} has to be true or false.", "boolean")
_COUNT = _number(0)
_INTEGER = Field("number")
_NAME = Field("string", _is(str), "The name of a job has to be a string.")
_REQUIRED = Field(
    "", lambda value: isinstance(value, str) and value != "", MISSING, is_required=True
)
_STRING = Field(
    "string",
    # The API accepts a number or a boolean, and converts it.
    lambda value: not isinstance(value, (list, dict)),
    "{name} has to be a string. Put quotes around it.",
    "string",
)
_STRINGS = _list(_STRING)
_LABEL = replace(_STRING, message="{name} has to be a string.")
_LABELS = _list(_LABEL)
_DEFAULT = replace(_STRING, conversion="value")
_OPERAND = replace(_STRING, is_required=True)
_MAPPING = _mapping()
_MAPPINGS = _list(_MAPPING)
_VALUES = Field(item=VALUE)
_VARIABLES = replace(_MAPPING, item=VALUE)
_TAGS = replace(_VARIABLES, expected="")
_SWITCHES = _mapping(
    {
        _BOOLEAN: "alert_on_last_attempt no_alert_for_canceled_runs no_alert_for_skipped_runs",
    }
)
_NAMED_PARAMETERS = replace(_TAGS, message="{name} is of the wrong type.")
_PARAMETERS = replace(_NAMED_PARAMETERS, accepts=_is(dict, list))

_JOB_TAGS = replace(
    _TAGS,
    accepts=lambda value: isinstance(value, dict) and len(value) <= 25,
    message="{name} has to be a mapping of at most 25 tags.",
)


def _is_cron(value: Any) -> bool:
    fields = value.split() if isinstance(value, str) else []
    return len(fields) in (6, 7) and (fields[3] == "?") != (fields[5] == "?")


_CRON = Field(
    "string",
    _is_cron,
    "Invalid quartz_cron_expression: {value}. Write 6 or 7 fields, beginning with seconds, and"
    " '?' for one of the two kinds of days.",
)
_EVENTS = (
    "on_duration_warning_threshold_exceeded on_failure on_start on_streaming_backlog_exceeded "
    "on_success"
)
_NOTIFICATIONS = {
    "email_notifications": _mapping({_STRINGS: _EVENTS}),
    "health": _mapping(rules=_list(_mapping({_INTEGER: "value"}))),
    "notification_settings": _SWITCHES,
    "webhook_notifications": _mapping({_MAPPINGS: _EVENTS}),
}
_CLUSTER = _mapping(
    {
        _BOOLEAN: "enable_elastic_disk enable_local_disk_encryption is_single_node use_ml_runtime",
        _INTEGER: "autotermination_minutes num_workers",
        _MAPPINGS: "init_scripts",
        _VARIABLES: "custom_tags spark_conf spark_env_vars",
    },
    autoscale=_mapping({_INTEGER: "max_workers min_workers"}),
)

_COMMANDS = Field(
    "",
    lambda value: isinstance(value, list) and bool(value),
    "The dbt_task of task {task!r} needs a list of 'commands'.",
    is_required=True,
    item=_LABEL,
)
_FILE = _mapping({_STRING: "source", _REQUIRED: "path"})
_JOB_ID = replace(_INTEGER, is_required=True)
_OPERATOR = _choice(
    OPERATORS, "The condition_task of task {task!r} has the unknown op", is_required=True
)
_KINDS: dict[str, _Keys] = {
    "condition_task": {_OPERATOR: "op", _OPERAND: "left right"},
    "dbt_task": {
        _STRING: "catalog profiles_directory project_directory schema source warehouse_id",
        _COMMANDS: "commands",
    },
    "for_each_task": {_ANY: "task", _STRING: "inputs", _number(1, 100): "concurrency"},
    "notebook_task": {
        _STRING: "source warehouse_id",
        _NAMED_PARAMETERS: "base_parameters",
        _REQUIRED: "notebook_path",
    },
    "pipeline_task": {
        _BOOLEAN: "full_refresh",
        _PARAMETERS: "parameters",
        _REQUIRED: "pipeline_id",
        _STRINGS: "full_refresh_selection refresh_flow_selection refresh_selection "
        "reset_checkpoint_selection",
    },
    "python_wheel_task": {
        _NAMED_PARAMETERS: "named_parameters",
        _PARAMETERS: "parameters",
        _REQUIRED: "package_name entry_point",
    },
    "run_job_task": {
        _MAPPING: "pipeline_params",
        _JOB_ID: "job_id",  # or a reference, which is resolved when the task starts
        _LABELS: "dbt_commands jar_params python_params spark_submit_params",
        _VALUES: "job_parameters notebook_params python_named_params sql_params",
    },
    "spark_python_task": {_STRING: "source", _PARAMETERS: "parameters", _REQUIRED: "python_file"},
    # It runs here without a warehouse too, and that of a variable may be empty.
    "sql_task": {
        _MAPPING: "alert dashboard query",
        _FILE: "file",
        _PARAMETERS: "parameters",
        _STRING: "warehouse_id",
    },
}
_KIND = replace(_TAGS, item=None)
_ANY_KIND = _fields(
    {_NAMED_PARAMETERS: "base_parameters named_parameters", _PARAMETERS: "parameters"}
)


def _kind(name: str) -> Field:
    if name not in _KINDS:
        return replace(_KIND, fields=_ANY_KIND)
    fields = _fields(_KINDS[name])
    return replace(_KIND, fields=_ANY_KIND | fields, title=name, names=fields.keys())


TASK = _closed(
    "task",
    {
        _CLUSTER: "new_cluster",
        _COUNT: "min_retry_interval_millis timeout_seconds",
        _LABEL: "description task_key",
        _MAPPING: "compute",
        _MAPPINGS: "libraries",
        _BOOLEAN: "disable_auto_optimization disabled retry_on_timeout",
        _STRING: "environment_key environment_variables_key existing_cluster_id job_cluster_key",
        _choice(RUN_IF_RULES, "Task {task!r} has the unknown run_if"): "run_if",
        _number(-1): "max_retries",
    },
    depends_on=_list_by("task_key", Field(fields=_fields({_LABEL: "outcome task_key"}))),
    **_NOTIFICATIONS,
    **{name: _kind(name) for name in TASK_KINDS},
)
TASK.fields["for_each_task"].fields["task"] = TASK
_TASKS = Field(
    "",
    lambda value: isinstance(value, list) and bool(value),
    "The job has no tasks. List at least one under 'tasks'.",
    is_required=True,
    item=TASK,
)

_JOB_CLUSTER = replace(
    _mapping(job_cluster_key=_STRING, new_cluster=_CLUSTER),
    title="job cluster",
    names=("job_cluster_key", "new_cluster"),
)
JOB = _closed(
    "job",
    {
        _ANY: "format id lifecycle permissions",
        _COUNT: "timeout_seconds",
        _LABEL: "description",
        _MAPPING: "continuous deployment run_as",
        _MAPPINGS: "triggers",
        _NAME: "name",
        _JOB_TAGS: "tags",
        _STRING: "budget_policy_id duration_target edit_mode parent_path performance_target "
        "usage_policy_id",
        _number(0, 1000): "max_concurrent_runs",
    },
    environment_variables=_list(_mapping({_STRING: "environment_variables_key", _MAPPING: "spec"})),
    environments=_list(_mapping(environment_key=_STRING, spec=_mapping(dependencies=_STRINGS))),
    git_source=_mapping(
        {
            _MAPPING: "git_snapshot job_source sparse_checkout",
            _STRING: "git_branch git_commit git_provider git_tag git_url",
        }
    ),
    job_clusters=_list(_JOB_CLUSTER),
    parameters=_list_by("name", Field(fields={"name": _LABEL, "default": _DEFAULT})),
    queue=_mapping(enabled=_BOOLEAN),
    schedule=_mapping({_STRING: "pause_status timezone_id"}, quartz_cron_expression=_CRON),
    tasks=_TASKS,
    trigger=_mapping({_MAPPING: "file_arrival model periodic table_update"}),
    **_NOTIFICATIONS,
)
#: A job that the Jobs API creates: it may get its tasks later.
JOB_WITHOUT_TASKS = replace(JOB, fields={k: v for k, v in JOB.fields.items() if k != "tasks"})

_PRESETS = _closed(
    "'presets'",
    {
        _ANY: "artifacts_dynamic_version jobs_max_concurrent_runs name_prefix "
        "pipelines_development source_linked_deployment tags trigger_pause_status"
    },
)
_RESOURCES = Field(fields={"jobs": Field(item=JOB)})
_TARGET = _closed(
    "target",
    {
        _ANY: "artifacts bundle cluster_id compute_id default git mode permissions run_as sync "
        "variables workspace"
    },
    presets=_PRESETS,
    resources=_RESOURCES,
)
#: A bundle's root file, together with the files that it includes.
DOCUMENT = _closed(
    "bundle",
    {
        _ANY: "artifacts definitions environments experimental include permissions python run_as "
        "scripts sync workspace"
    },
    bundle=_closed(
        "'bundle'",
        {
            _ANY: "cluster_id compute_id databricks_cli_version default_cluster default_warehouse "
            "deployment engine git name terraform uuid"
        },
    ),
    presets=_PRESETS,
    resources=_RESOURCES,
    targets=Field(item=_TARGET),
    variables=Field(item=_closed("variable", {_ANY: "default description lookup type value"})),
)
