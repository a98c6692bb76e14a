"""Errors of the Jobs API: HTTP status, error code and message."""

from __future__ import annotations

from typing import Any

_JSON_TYPES = {
    str: "STRING",
    bool: "BOOLEAN",
    int: "NUMBER",
    float: "NUMBER",
    list: "ARRAY",
    dict: "OBJECT",
    type(None): "NULL",
}


class ApiError(Exception):
    """An error that the API returns to the client.

    :param reason: a finer code, if the API has one.
    """

    def __init__(self, status: int, code: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.reason = reason


class InvalidParameterValue(ApiError):
    def __init__(self, message: str) -> None:
        super().__init__(400, "INVALID_PARAMETER_VALUE", message)


class JobDoesNotExist(InvalidParameterValue):
    """An unknown job id: 400, as in the service."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"Job {job_id} does not exist.")


class RunDoesNotExist(InvalidParameterValue):
    """An unknown run id: 400, as in the service."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"Run {run_id} does not exist.")


class ResourceDoesNotExist(ApiError):
    def __init__(self, message: str) -> None:
        super().__init__(404, "RESOURCE_DOES_NOT_EXIST", message)


class InvalidState(ApiError):
    def __init__(self, message: str) -> None:
        super().__init__(400, "INVALID_STATE", message)


class MalformedRequest(ApiError):
    def __init__(self, message: str) -> None:
        super().__init__(400, "MALFORMED_REQUEST", f"Could not parse request object: {message}")


class UnexpectedType(MalformedRequest):
    """A field whose value has another JSON type."""

    def __init__(self, name: str, expected: str, value: Any) -> None:
        found = _JSON_TYPES.get(type(value), "UNKNOWN")
        super().__init__(f"Expected {expected} for field {name}, found {found}")
