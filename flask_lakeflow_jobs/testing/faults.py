"""What can go wrong between a client and its workspace, one class a kind.

A fault is anything that may be called with an :class:`Exchange`; write your own where these do not
suffice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .exchange import Exchange, Reply

Fault: TypeAlias = Callable[[Exchange], None]

#: What the workspace calls an error with that status.
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
    """An error as the workspace spells it; the request does not reach it.

    :param status: of HTTP.
    :param error_code: in the body; left out, the one that goes with the status.
    :param message: in the body.
    :param retry_after: seconds, in the header of that name; ``None``: without it.
    """

    status: int
    error_code: str | None = None
    message: str = "A fault was asked for."
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
    """An answer that is none: the request reaches the workspace, its answer is lost.

    :param status: of HTTP.
    :param body: in place of the workspace's.
    :param content_type: of that body.
    """

    status: int = 200
    body: bytes = b'{"run_id": 12\x00\xff'
    content_type: str = JSON

    def __call__(self, exchange: Exchange) -> None:
        exchange.forward()
        exchange.respond(Reply(self.status, {"Content-Type": self.content_type}, self.body))


@dataclass(frozen=True)
class GatewayPage:
    """The page of a gateway that does not reach the workspace.

    :param status: of HTTP.
    """

    status: int = 502

    def __call__(self, exchange: Exchange) -> None:
        page = "<html><head><title>Bad gateway</title></head><body><h1>Sorry</h1></body></html>"
        exchange.respond(Reply(self.status, {"Content-Type": HTML}, page.encode()))


@dataclass(frozen=True)
class Drop:
    """The connection breaks, and the client learns nothing.

    :param accepted: whether the workspace got the request before.
    :param reset: broken off; else closed in good order.
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
    """The connection closes in the middle of the workspace's answer."""

    def __call__(self, exchange: Exchange) -> None:
        reply = exchange.forward()
        exchange.begin_response(reply, reply.body[: len(reply.body) // 2])
        exchange.close()


@dataclass(frozen=True)
class SlowBody:
    """The workspace's answer comes byte by byte, so that something comes all the time.

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
    """The workspace's answer comes late.

    :param seconds: how late.
    """

    seconds: float

    def __call__(self, exchange: Exchange) -> None:
        reply = exchange.forward()
        if exchange.wait(self.seconds):
            exchange.respond(reply)


@dataclass(frozen=True)
class Silence:
    """The connection stays, and no answer ever comes.

    :param accepted: whether the workspace got the request.
    """

    accepted: bool = False

    def __call__(self, exchange: Exchange) -> None:
        if self.accepted:
            exchange.forward()
        exchange.hang()
