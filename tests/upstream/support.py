"""Helpers for the tests of upstream calls."""

from __future__ import annotations

from flask_lakeflow_jobs.testing import (
    Drop,
    Fault,
    GatewayPage,
    InvalidBody,
    Refusal,
    TruncatedBody,
)

#: The timeout of calls in some tests, and the SDK's own, which would end them later.
SHORT_SECONDS = 1.0
SDK_TIMEOUT_SECONDS = 60.0

#: What requests raises before it sends anything, if its file of certificates does not exist.
NO_CERTIFICATES_FILE = OSError(
    "Could not find a suitable TLS CA certificate bundle, invalid path: /x.pem"
)

#: Faults that a retry may fix.
TRANSIENT_FAULTS: list[Fault] = [
    Refusal(429, retry_after=0),
    Refusal(500),
    GatewayPage(502),
    Refusal(503, retry_after=0),
    Refusal(504),
    Refusal(400, "COULD_NOT_ACQUIRE_LOCK"),
    Drop(),
    Drop(reset=False),
    Drop(accepted=True),
    Drop(accepted=True, reset=False),
    InvalidBody(),
    InvalidBody(body=b""),
    InvalidBody(body=b"{}"),
    TruncatedBody(),
]
