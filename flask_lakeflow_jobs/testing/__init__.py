"""For the tests of apps that use the extension: a workspace that fails when it is told to.

It knows nothing of the extension: any client of the Jobs API can be tried with it.
"""

from .exchange import Exchange, RecordedRequest, Reply, hash_token
from .fault_proxy import FaultyWorkspace, Rule
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
    "FaultyWorkspace",
    "GatewayPage",
    "InvalidBody",
    "RecordedRequest",
    "Refusal",
    "Reply",
    "Rule",
    "Silence",
    "SlowBody",
    "TruncatedBody",
    "hash_token",
]
