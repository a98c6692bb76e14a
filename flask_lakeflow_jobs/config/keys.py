"""Every key that the extension reads, with its default and its meaning: the one list.

The settings are read by it, and the table of keys in the docs is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "LAKEFLOW_JOBS"


@dataclass(frozen=True)
class Key:
    """One key of ``app.config`` or of the environment.

    :param name: as it is written there.
    :param default: what holds where it is not set; ``None``: nothing, or what the meaning says.
    :param meaning: for whoever sets it, in Markdown.
    """

    name: str
    default: Any
    meaning: str


JOBS = Key(
    PREFIX,
    {},
    "The jobs by key: each a `JobConfig` or a mapping with the same keys. It wins over the jobs"
    " that the code names, field by field.",
)

BUNDLE = Key(
    f"{PREFIX}_BUNDLE",
    None,
    "Path of a `databricks.yml`, relative to the app's folder or the working directory. Without"
    " `DATABRICKS_HOST`, its jobs run on the local workspace.",
)

POLL_INTERVAL = Key(
    f"{PREFIX}_POLL_INTERVAL",
    5.0,
    "Seconds: the longest that a viewer waits between two looks at a run that is going.",
)

TIMEOUT = Key(
    f"{PREFIX}_TIMEOUT", None, "Seconds for one call to the workspace. It overrides the next two."
)

READ_TIMEOUT = Key(f"{PREFIX}_READ_TIMEOUT", 30.0, "Seconds for one read, retries included.")
WRITE_TIMEOUT = Key(
    f"{PREFIX}_WRITE_TIMEOUT",
    120.0,
    "Seconds for one trigger, cancel or repair, retries included.",
)

READ_ATTEMPTS = Key(f"{PREFIX}_READ_ATTEMPTS", 3, "The most attempts of one read.")
WAIT_TIMEOUT = Key(
    f"{PREFIX}_WAIT_TIMEOUT",
    600.0,
    "Seconds that `run_and_wait`, `watch` and `wait` wait. The run goes on after them.",
)

CACHE_TTL = Key(
    f"{PREFIX}_CACHE_TTL",
    60.0,
    "Seconds for which what is settled, such as a run that has ended, is served from the cache.",
)

CACHE = Key(
    f"{PREFIX}_CACHE",
    {"CACHE_TYPE": "SimpleCache"},
    "A Flask-Caching configuration; in the environment, as JSON. One that all processes see lets"
    " them look at a run once for all.",
)

MAX_STREAMS = Key(
    f"{PREFIX}_MAX_STREAMS",
    None,
    "The most event streams that a process holds. By default as many as its server bears.",
)

STREAM_MAX_SECONDS = Key(
    f"{PREFIX}_STREAM_MAX_SECONDS",
    280.0,
    "Seconds after which a stream ends by itself; its viewer comes back. Less than the proxy in"
    " front of the app allows.",
)

HEARTBEAT = Key(
    f"{PREFIX}_HEARTBEAT", 10.0, "Seconds of silence after which a stream sends a comment."
)

PUSH = Key(
    f"{PREFIX}_PUSH",
    True,
    "Whether streams on gunicorn's gthread worker may do without a thread of their own.",
)

CONSOLE = Key(f"{PREFIX}_CONSOLE", False, "Whether the console is served.")
CONSOLE_PREFIX = Key(f"{PREFIX}_CONSOLE_PREFIX", "/jobs", "Where the console is.")
READ_ONLY = Key(
    f"{PREFIX}_READ_ONLY",
    False,
    "Whether runs can be looked at over HTTP, and no more. The command line is not bound by it.",
)

TRUST_PROXY_HEADERS = Key(
    f"{PREFIX}_TRUST_PROXY_HEADERS",
    False,
    "Whether `X-Forwarded-User`, `-Email` and `-Preferred-Username` are believed. Only behind a"
    " proxy that sets them itself, such as that of Databricks Apps.",
)

ATTRIBUTION_PARAMETER = Key(
    f"{PREFIX}_ATTRIBUTION_PARAMETER",
    None,
    "Name of a job parameter that tells each run who asked for it.",
)

WEBHOOK_USERNAME = Key(
    f"{PREFIX}_WEBHOOK_USERNAME",
    None,
    "The user name with which Databricks sends [notifications](watching.md#notifications). Without"
    " this and the next, there is no route for them.",
)

WEBHOOK_PASSWORD = Key(f"{PREFIX}_WEBHOOK_PASSWORD", None, "The password that goes with it.")

#: All of the extension's own keys, in the order of the docs.
KEYS = (
    JOBS,
    BUNDLE,
    POLL_INTERVAL,
    TIMEOUT,
    READ_TIMEOUT,
    WRITE_TIMEOUT,
    READ_ATTEMPTS,
    WAIT_TIMEOUT,
    CACHE_TTL,
    CACHE,
    MAX_STREAMS,
    STREAM_MAX_SECONDS,
    HEARTBEAT,
    PUSH,
    CONSOLE,
    CONSOLE_PREFIX,
    READ_ONLY,
    TRUST_PROXY_HEADERS,
    ATTRIBUTION_PARAMETER,
    WEBHOOK_USERNAME,
    WEBHOOK_PASSWORD,
)

#: What the SDK reads itself and ``app.config`` may carry: our key → the SDK's argument.
SDK_KEYS: Mapping[str, str] = {
    "DATABRICKS_HOST": "host",
    "DATABRICKS_TOKEN": "token",
    "DATABRICKS_CLIENT_ID": "client_id",
    "DATABRICKS_CLIENT_SECRET": "client_secret",
    "DATABRICKS_CONFIG_PROFILE": "profile",
    "DATABRICKS_CONFIG_FILE": "config_file",
    "DATABRICKS_AUTH_TYPE": "auth_type",
}
