"""Failures of calls that the SDK does not raise itself."""

from __future__ import annotations


class IncompleteResponse(Exception):
    """A successful response without required fields."""


class NonApiResponse(Exception):
    """A page in place of a response of the Jobs API, such as a proxy's."""


class ResponseTooLarge(Exception):
    """A response that is larger than any of the Jobs API."""


class RedirectedWrite(Exception):
    """A redirect of a write, whose body would be sent to another address."""


class LoginFailed(Exception):
    """The SDK has no credentials, or they cannot be used."""


class LoginUnavailable(LoginFailed):
    """The service that issues tokens failed. It may issue one a little later."""
