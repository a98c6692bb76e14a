"""Texts where the API wants texts, and numbers where it wants numbers: as the CLI converts what a
bundle's YAML has (its ``libs/dyn/convert``).
"""

from __future__ import annotations

from typing import Any

_TEXTS = frozenset(
    {"default", "description", "inputs", "left", "name", "outcome", "right", "task_key"}
)

_LISTS_OF_TEXTS = frozenset(
    {"commands", "dbt_commands", "jar_params", "parameters", "python_params", "spark_submit_params"}
)

_MAPS_OF_TEXTS = frozenset(
    {
        "base_parameters",
        "job_parameters",
        "named_parameters",
        "notebook_params",
        "parameters",
        "python_named_params",
        "spark_env_vars",
        "sql_params",
        "tags",
    }
)

_NUMBERS = frozenset(
    {
        "concurrency",
        "job_id",
        "max_concurrent_runs",
        "max_retries",
        "min_retry_interval_millis",
        "timeout_seconds",
    }
)

_SWITCHES = frozenset({"disabled", "enabled", "retry_on_timeout"})


def as_text(value: Any) -> Any:
    """A number or a truth value as text; anything else as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    return value


def convert(value: Any) -> None:
    """Convert, in place, all that stands in a job's settings under a key whose type is known."""
    if isinstance(value, list):
        for each in value:
            convert(each)
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key == "default" and each is None:
            value[key] = ""
        elif key in _TEXTS:
            value[key] = as_text(each)
        elif key in _NUMBERS:
            value[key] = _as_number(each)
        elif key in _SWITCHES:
            value[key] = _as_switch(each)
        elif key in _LISTS_OF_TEXTS and isinstance(each, list):
            each[:] = [as_text(item) for item in each]
        elif key in _MAPS_OF_TEXTS and isinstance(each, dict):
            # A name without a value has the empty one.
            each.update(
                {name: "" if item is None else as_text(item) for name, item in each.items()}
            )
            continue
        convert(each)


def drop_nulls(value: Any) -> None:
    """Take out, in place, each field that is there without a value: that is as if it were not
    there. Names in a mapping of texts stay.
    """
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending += each
        elif isinstance(each, dict):
            for key in [key for key, field in each.items() if field is None]:
                del each[key]
            pending += [
                field
                for key, field in each.items()
                if key not in _MAPS_OF_TEXTS or not isinstance(field, dict)
            ]


def _as_number(value: Any) -> Any:
    try:
        return int(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _as_switch(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
