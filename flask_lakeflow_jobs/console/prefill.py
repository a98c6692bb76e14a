"""What the form of a job is filled with, so that a run can be run again. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..masking import MASK
from ..params import LIST_NAMES, NAMED_FIELDS
from .forms import WHOLE
from .runs import job_parameters_of

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import Run


def given_to(run: Run, task_type: str | None) -> dict[str, str]:
    """The texts for the controls of a form; what was masked stays away, but for list items.

    :param run: whose parameters they are, with its secrets masked.
    :param task_type: of its job; it decides by which names they go.
    """
    params = {name: value for name, value in _params(run, task_type).items() if value != MASK}
    texts = {name: _as_text(value) for name, value in params.items()}
    return {**texts, WHOLE: json.dumps(params, indent=2)}


def _params(run: Run, task_type: str | None) -> Mapping[str, Any]:
    fields = run.overriding_parameters.as_dict() if run.overriding_parameters else {}
    if task_type is None or task_type == "job":
        return {**fields, **job_parameters_of(run)}
    if task_type in LIST_NAMES:
        field, names = LIST_NAMES[task_type]
        return dict.fromkeys(names, fields.get(field, []))
    found: Mapping[str, Any] = fields.get(NAMED_FIELDS.get(task_type, ""), {})
    return found


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
