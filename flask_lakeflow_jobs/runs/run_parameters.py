"""The parameters that a run has, and whether they are those of a request. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import Enum
from typing import TYPE_CHECKING, Any

from .run_now_fields import RUN_NOW_FIELDS

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run

#: Start of a reference such as ``{{job.start_time.iso_date}}``. A run has its resolved value.
#: Source: Databricks documentation, "What is a dynamic value reference?".
REFERENCE_START = "{{"

#: A parameter: its field of run-now and, if it has one, its name.
ParameterName = tuple[str, ...]


class ParameterMatch(Enum):
    """The result of comparing requested parameters with those of a run."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


def job_parameters_of(run: Run | BaseRun) -> dict[str, str]:
    """Return a run's job parameters by name."""
    return {
        item.name: item.value if item.value is not None else item.default or ""
        for item in run.job_parameters or []
        if item.name
    }


def requester_of(run: Run | BaseRun, parameter: str | None) -> str | None:
    """Return who requested a run: as the app recorded it, otherwise as the workspace did.

    :param parameter: the job parameter in which the app records it, if it does.
    """
    recorded = job_parameters_of(run).get(parameter) if parameter else None
    return recorded or run.creator_user_name


def parameters_of(run: Run | BaseRun) -> dict[str, str]:
    """Return all parameters of a run by name, and lists by their field."""
    return flatten_parameters(fields_of(run))


def fields_of(run: Run | BaseRun) -> dict[str, Any]:
    """Return the parameters of a run in the fields of run-now."""
    return {**overriding_fields(run), "job_parameters": job_parameters_of(run)}


def overriding_fields(run: Run | BaseRun) -> dict[str, Any]:
    """Return the parameters that a run was started with, without those of its job, by field."""
    return run.overriding_parameters.as_dict() if run.overriding_parameters else {}


def stated_fields(run: Run | BaseRun) -> dict[str, Any]:
    """Return the parameters that a run was started with, by field of run-now; no defaults."""
    fields = overriding_fields(run)
    if run.job_parameters:
        fields["job_parameters"] = {
            each.name: each.value for each in run.job_parameters if each.value is not None
        }
    return fields


def flatten_parameters(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters in the fields of run-now by name, and lists by their field."""
    found: dict[str, Any] = {}
    for name in RUN_NOW_FIELDS:
        value = fields.get(name)
        if isinstance(value, Mapping):
            found.update(value)
        elif value:
            found[name] = " ".join(map(str, value)) if isinstance(value, list) else value
    return {name: "" if value is None else str(value) for name, value in found.items()}


def omit_parameters(fields: Mapping[str, Any], names: Set[str]) -> dict[str, Any]:
    """Return the fields of run-now without the parameters of some names."""
    return {
        field: {name: item for name, item in value.items() if name not in names}
        if isinstance(value, Mapping)
        else value
        for field, value in fields.items()
    }


def compare_parameters(
    run: Run | BaseRun, fields: Mapping[str, Any], *, ignored: Set[str]
) -> ParameterMatch:
    """Compare requested parameters with those that a run was started with.

    :param fields: the requested parameters, in the fields of run-now.
    :param ignored: the names of parameters that are not compared.
    :return: ``UNKNOWN`` if nothing differs but the run does not state all of them.
    """
    requested, stated = _by_name(fields), _by_name(stated_fields(run))
    defaults = _defaults(run)
    results = {
        _compare_parameter(name, requested, stated, defaults)
        for name in {*requested, *stated}
        if name[-1] not in ignored
    }
    if ParameterMatch.DIFFERENT in results:
        return ParameterMatch.DIFFERENT
    return ParameterMatch.UNKNOWN if ParameterMatch.UNKNOWN in results else ParameterMatch.SAME


def _compare_parameter(
    name: ParameterName,
    requested: Mapping[ParameterName, Any],
    stated: Mapping[ParameterName, Any],
    defaults: Mapping[ParameterName, Any],
) -> ParameterMatch:
    default = defaults.get(name)
    expected = requested.get(name, default)
    if name not in stated:
        return ParameterMatch.SAME if expected == default else ParameterMatch.UNKNOWN
    if stated[name] == expected or REFERENCE_START in str(expected):
        return ParameterMatch.SAME
    return ParameterMatch.DIFFERENT


def _defaults(run: Run | BaseRun) -> dict[ParameterName, Any]:
    return {
        ("job_parameters", str(parameter.name)): parameter.default
        for parameter in run.job_parameters or []
    }


def _by_name(fields: Mapping[str, Any]) -> dict[ParameterName, Any]:
    parameters: dict[ParameterName, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            parameters |= {(name, key): item for key, item in value.items()}
        elif value:
            parameters[(name,)] = value
    return parameters
