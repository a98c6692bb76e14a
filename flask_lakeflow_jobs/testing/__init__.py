"""Tools for testing apps: a fault proxy in front of a workspace, and pytest fixtures.

The proxy does not depend on the extension. You can test any client of the Jobs API with it.
"""

from .exchange import Exchange, RecordedRequest, Reply, hash_token
from .fault_proxy import FaultRule, FaultyWorkspace
from .faults import (
    Delay,
    Drop,
    Fault,
    GatewayPage,
    InvalidBody,
    Refusal,
    Silence,
    SlowBody,
    TruncatedBody,
)

__all__ = [
    "Delay",
    "Drop",
    "Exchange",
    "Fault",
    "FaultRule",
    "FaultyWorkspace",
    "GatewayPage",
    "InvalidBody",
    "RecordedRequest",
    "Refusal",
    "Reply",
    "Silence",
    "SlowBody",
    "TruncatedBody",
    "hash_token",
]
