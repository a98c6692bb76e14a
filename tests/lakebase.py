"""A workspace's endpoints that create passwords of Lakebase."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

from flask_lakeflow_jobs.testing import Exchange
from flask_lakeflow_jobs.testing.exchange import Reply

#: The ends of the paths: of a database instance, and of a project with autoscaling.
INSTANCE_PATH = "database/credentials"
PROJECT_PATH = "postgres/credentials"


class PasswordEndpoint:
    """A fault that responds with a new password each time.

    :param change_password: makes the database accept a password in place of the last one.
    """

    def __init__(self, change_password: Callable[[str], None] = lambda _: None) -> None:
        self._change_password = change_password
        self._numbers = itertools.count(1)
        self.created: list[str] = []

    def __call__(self, exchange: Exchange) -> None:
        password = f"lakebase-token-{next(self._numbers)}"
        self._change_password(password)
        self.created.append(password)
        body = json.dumps({"token": password, "expiration_time": "2026-11-26T03:00:00Z"})
        exchange.respond(Reply(200, {"Content-Type": "application/json"}, body.encode()))
