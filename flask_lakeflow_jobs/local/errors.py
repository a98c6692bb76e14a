"""The errors that the Jobs API answers with."""

from __future__ import annotations

from typing import Any

_NAMES = {
    str: "STRING",
    bool: "BOOLEAN",
    int: "NUMBER",
    float: "NUMBER",
    list: "ARRAY",
    dict: "OBJECT",
    type(None): "NULL",
}


class ApiError(Exception):
    """An error as a client sees it: HTTP status, error code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid_parameter(message: str) -> ApiError:
    """400 INVALID_PARAMETER_VALUE."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def malformed(message: str) -> ApiError:
    """400 MALFORMED_REQUEST."""
    return ApiError(400, "MALFORMED_REQUEST", message)


def unexpected_type(name: str, wanted: str, value: Any) -> ApiError:
    """400 MALFORMED_REQUEST: a field holds something of another type."""
    return malformed(
        f"Could not parse request object: Expected {wanted} for field {name}, "
        f"found {_NAMES.get(type(value), 'UNKNOWN')}"
    )


def invalid_state(message: str) -> ApiError:
    """400 INVALID_STATE."""
    return ApiError(400, "INVALID_STATE", message)


def unknown_job(job_id: int) -> ApiError:
    """The answer for a job that is not there: 400, as the service has it."""
    return invalid_parameter(f"Job {job_id} does not exist.")


def unknown_run(run_id: int) -> ApiError:
    """The answer for a run that is not there: 400, as the service has it."""
    return invalid_parameter(f"Run {run_id} does not exist.")
