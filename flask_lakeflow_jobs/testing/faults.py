"""Faults between a client and a workspace, one class for each kind.

A fault is any callable that takes an :class:`Exchange`, so you can write your own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .exchange import Exchange, Reply

Fault: TypeAlias = Callable[[Exchange], None]

#: Error codes of the workspace by HTTP status.
#: Source: the table of errors in the Databricks SDKs (``errors/platform.py`` in Python).
ERROR_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Refusal:
    """An error in the workspace's format. The request does not reach the workspace.

    :param status: the HTTP status.
    :param error_code: the code in the body; ``None``: the code for the status.
    :param retry_after: seconds, for the ``Retry-After`` header; ``None``: no header.
    """

    status: int
    error_code: str | None = None
    message: str = "An injected fault."
    retry_after: int | None = None

    def __call__(self, exchange: Exchange) -> None:
        code = self.error_code or ERROR_CODES.get(self.status, "UNKNOWN")
        headers = {"Content-Type": JSON}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        body = json.dumps({"error_code": code, "message": self.message}).encode()
        exchange.respond(Reply(self.status, headers, body))


@dataclass(frozen=True)
class InvalidBody:
    """An invalid body instead of the workspace's. The request reaches the workspace."""

    status: int = 200
    body: bytes = b'{"run_id": 12\x00\xff'
    content_type: str = JSON

    def __call__(self, exchange: Exchange) -> None:
        exchange.forward()
        exchange.respond(Reply(self.status, {"Content-Type": self.content_type}, self.body))


@dataclass(frozen=True)
class GatewayPage:
    """The HTML page of a gateway that cannot reach the workspace."""

    status: int = 502

    def __call__(self, exchange: Exchange) -> None:
        page = "<html><head><title>Bad gateway</title></head><body><h1>Sorry</h1></body></html>"
        exchange.respond(Reply(self.status, {"Content-Type": HTML}, page.encode()))


@dataclass(frozen=True)
class Drop:
    """A connection that ends without a response.

    :param accepted: whether the request reaches the workspace.
    :param reset: reset the connection; otherwise close it normally.
    """

    accepted: bool = False
    reset: bool = True

    def __call__(self, exchange: Exchange) -> None:
        if self.accepted:
            exchange.forward()
        if self.reset:
            exchange.reset()
        else:
            exchange.close()


@dataclass(frozen=True)
class TruncatedBody:
    """A connection that ends in the middle of the workspace's response."""

    def __call__(self, exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.begin_response(reply, reply.body[: len(reply.body) // 2])
        exchange.close()


@dataclass(frozen=True)
class SlowBody:
    """The workspace's response, sent byte by byte.

    :param delay: seconds before each byte of the body.
    """

    delay: float

    def __call__(self, exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.begin_response(reply)
        for position in range(len(reply.body)):
            if not exchange.wait(self.delay):
                return
            exchange.write(reply.body[position : position + 1])


@dataclass(frozen=True)
class Delay:
    """A delay before the workspace's response."""

    seconds: float

    def __call__(self, exchange: Exchange) -> None:
        reply = exchange.forward()
        if exchange.wait(self.seconds):
            exchange.respond(reply)


@dataclass(frozen=True)
class Silence:
    """A connection that stays open without a response.

    :param accepted: whether the request reaches the workspace.
    """

    accepted: bool = False

    def __call__(self, exchange: Exchange) -> None:
        if self.accepted:
            exchange.forward()
        exchange.hang()
