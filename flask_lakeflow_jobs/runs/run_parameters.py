"""The parameters that a run has, and the requester that one of them may name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .run_now_fields import RUN_NOW_FIELDS

if TYPE_CHECKING:
    from ..sdk_types import BaseRun, Run


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
    fields = run.overriding_parameters.as_dict() if run.overriding_parameters else {}
    return {**fields, "job_parameters": job_parameters_of(run)}


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
