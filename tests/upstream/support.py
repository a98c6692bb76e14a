"""Helpers for the tests of upstream calls."""

from __future__ import annotations

import subprocess
import sys

from flask_lakeflow_jobs.testing import (
    Drop,
    Fault,
    GatewayPage,
    InvalidBody,
    Refusal,
    TruncatedBody,
)
from tests.support import DEADLINE

#: The timeout of calls in some tests, and the SDK's own, which would end them later.
SHORT_SECONDS = 1.0
SDK_TIMEOUT_SECONDS = 60.0

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


def run_python(program: str) -> str:
    """Run a program in a process of its own, and return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
        check=True,
    )
    return ended.stdout
