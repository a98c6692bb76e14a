"""What a call asks for, checked and in the words of the SDK. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from databricks.sdk.service.jobs import PerformanceTarget, PipelineParams

from ..errors import InvalidParameters, InvalidRequest


def check_range(limit: Any, filters: Mapping[str, Any]) -> None:
    """Refuse to list what makes no sense.

    :param limit: the most runs.
    :param filters: as the Jobs API names them.
    :raises InvalidRequest: the limit is no positive whole number, or no run can match.
    """
    if not isinstance(limit, int) or limit < 1:
        raise InvalidRequest(f"A limit is a positive whole number, not {limit!r}.")
    if filters.get("active_only") and filters.get("completed_only"):
        raise InvalidRequest("Ask for runs that go on, or for those that have ended, not both.")


def sdk_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of run-now as the SDK takes them.

    :param fields: as the Jobs API spells them.
    :raises InvalidParameters: the installed SDK would leave some of them out without a word.
    """
    pipeline = fields.get("pipeline_params")
    if not isinstance(pipeline, Mapping):
        return dict(fields)
    params = PipelineParams.from_dict(dict(pipeline))
    unknown = [name for name in pipeline if not hasattr(params, name)]
    if unknown:
        raise InvalidParameters(
            f"The installed databricks-sdk does not know {', '.join(unknown)}. Upgrade it:"
            " pip install --upgrade databricks-sdk.",
            {name: ["Is not known to the installed databricks-sdk."] for name in unknown},
        )
    return {**fields, "pipeline_params": params}


def sdk_performance_target(word: str | None) -> PerformanceTarget | None:
    """A performance target as the SDK has it.

    :param word: as the Jobs API spells it.
    :raises InvalidParameters: there is none of that name.
    """
    if word is None:
        return None
    try:
        return PerformanceTarget(word)
    except ValueError:
        known = ", ".join(target.value for target in PerformanceTarget)
        raise InvalidParameters(
            f"performance_target must be one of {known}, not {word!r}.",
            {"performance_target": [f"Must be one of {known}."]},
        ) from None
