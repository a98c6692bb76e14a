"""The settings keys: each one with its default and its meaning.

The settings are read with these keys, and the table in the docs is generated from them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "LAKEFLOW_JOBS"

#: Prefixes that are easily written instead.
PREFIX_SLIPS = ("LAKEFLOW", "LAKEFLOW_JOB")

#: Arguments of ``LakeflowJobs`` that are no settings.
ARGUMENTS = ("policy", "user_loader", "url_prefix", "register_blueprint", "page_url", "csp_nonce")


@dataclass(frozen=True)
class Key:
    """A key of ``app.config`` and of the environment.

    :param default: ``None`` if there is none, or if the meaning describes it.
    :param meaning: for the docs, in Markdown.
    """

    name: str
    default: Any
    meaning: str


JOBS = Key(
    PREFIX,
    {},
    "Jobs by key, each a `JobConfig` or a mapping with the same keys. Overrides the jobs in code,"
    " field by field.",
)
BUNDLE = Key(
    f"{PREFIX}_BUNDLE",
    None,
    "Path of a `databricks.yml`, relative to the app's folder or the working directory. Without"
    " `DATABRICKS_HOST`, its jobs run on the local workspace.",
)
LOCAL_INSTALL = Key(
    f"{PREFIX}_LOCAL_INSTALL",
    False,
    "Let the local workspace install the packages that tasks list, with `uv` or `pip`.",
)
POLL_INTERVAL = Key(
    f"{PREFIX}_POLL_INTERVAL", 5.0, "Maximum seconds between two polls of an active run."
)
TIMEOUT = Key(
    f"{PREFIX}_TIMEOUT", None, "Seconds for one call to the workspace. Overrides the next two."
)
READ_TIMEOUT = Key(f"{PREFIX}_READ_TIMEOUT", 30.0, "Seconds for one read, including retries.")
WRITE_TIMEOUT = Key(
    f"{PREFIX}_WRITE_TIMEOUT",
    120.0,
    "Seconds for one trigger, cancellation or repair, including retries.",
)
READ_ATTEMPTS = Key(f"{PREFIX}_READ_ATTEMPTS", 3, "Maximum number of attempts per read.")
WAIT_TIMEOUT = Key(
    f"{PREFIX}_WAIT_TIMEOUT",
    600.0,
    "Seconds that `run_and_wait`, `watch` and `wait` wait. The run continues afterwards.",
)
CACHE_TTL = Key(
    f"{PREFIX}_CACHE_TTL",
    60.0,
    "Seconds that a response that no longer changes, such as an ended run, is served from the"
    " cache.",
)
CACHE = Key(
    f"{PREFIX}_CACHE",
    {"CACHE_TYPE": "SimpleCache"},
    "A Flask-Caching configuration; in the environment, as JSON. With a cache that all processes"
    " share, such as Redis or [a database](../guides/lakebase.md), each run is polled once for all"
    " of them.",
)
MAX_STREAMS = Key(
    f"{PREFIX}_MAX_STREAMS",
    None,
    "Maximum number of concurrent event streams per process. Default: depends on the server.",
)
STREAM_MAX_SECONDS = Key(
    f"{PREFIX}_STREAM_MAX_SECONDS",
    280.0,
    "Maximum lifetime of a stream in seconds; the browser then reconnects. Must be less than the"
    " timeout of the proxy in front of the app.",
)
HEARTBEAT = Key(
    f"{PREFIX}_HEARTBEAT", 10.0, "Seconds without an event after which a stream sends a comment."
)
PUSH = Key(
    f"{PREFIX}_PUSH",
    True,
    "Whether streams on gunicorn's gthread worker work without a thread of their own.",
)
WARM_UP = Key(
    f"{PREFIX}_WARM_UP",
    True,
    "Whether each process loads the SDK, logs in and connects in the background after its first"
    " request.",
)
CONSOLE = Key(f"{PREFIX}_CONSOLE", False, "Whether to serve the console.")
CONSOLE_PREFIX = Key(
    f"{PREFIX}_CONSOLE_PREFIX",
    "/jobs",
    "URL prefix of the console. That of the API is the argument `url_prefix`.",
)
READ_ONLY = Key(
    f"{PREFIX}_READ_ONLY",
    False,
    "Whether runs can only be read over HTTP. Does not apply to the command line.",
)
TRUST_PROXY_HEADERS = Key(
    f"{PREFIX}_TRUST_PROXY_HEADERS",
    False,
    "Whether to trust `X-Forwarded-User`, `-Email` and `-Preferred-Username`. Enable it only behind"
    " a proxy that sets them itself, such as that of Databricks Apps.",
)
ATTRIBUTION_PARAMETER = Key(
    f"{PREFIX}_ATTRIBUTION_PARAMETER",
    None,
    "Name of a job parameter that receives the name of the user who requested the run.",
)
PROGRESS_PARAMETER = Key(
    f"{PREFIX}_PROGRESS_PARAMETER",
    None,
    "Name of the job parameter that receives a token with which the run"
    " [reports its progress](../guides/progress.md). Requires `SECRET_KEY`.",
)
WEBHOOK_USERNAME = Key(
    f"{PREFIX}_WEBHOOK_USERNAME",
    None,
    "User name with which Databricks sends [notifications](../guides/webhooks.md)."
    " Without this and the next key, or a token, there is no route for them.",
)
WEBHOOK_PASSWORD = Key(f"{PREFIX}_WEBHOOK_PASSWORD", None, "The password for that user name.")
WEBHOOK_TOKEN = Key(
    f"{PREFIX}_WEBHOOK_TOKEN",
    None,
    "Bearer token that notifications may carry instead of a user name and a password.",
)

RECORD_URL = Key(
    f"{PREFIX}_RECORD_URL",
    None,
    "Where to record runs and actions: `true` for SQLite in the instance folder, or a URL such as"
    " `postgresql+psycopg://user@host/name`. Requires the extra `record`.",
)
RECORD_DAYS = Key(
    f"{PREFIX}_RECORD_DAYS",
    365,
    "Days that the record keeps runs and actions.",
)

FOLLOW = Key(
    f"{PREFIX}_FOLLOW",
    False,
    "Whether one process of the app follows the unfinished runs of the record to their end, even"
    f" without viewers. Requires `{RECORD_URL.name}`.",
)
NOTIFY = Key(
    f"{PREFIX}_NOTIFY",
    None,
    "Whom to notify of the ends of runs: a URL of Apprise, a list of them, or a mapping with"
    " `urls`, `outcomes`, `template` and `base_url`; in the environment, as JSON. Requires"
    f" `{RECORD_URL.name}` and the extra `notify`.",
)
LAKEBASE = Key(
    f"{PREFIX}_LAKEBASE",
    None,
    "The [Lakebase](../guides/lakebase.md) database of `LAKEFLOW_JOBS_RECORD_URL`: an instance,"
    " or `projects/…/branches/…/endpoints/…`. Each new connection gets a new password."
    " `true`: the password is the app's OAuth token, as on Databricks Apps.",
)

#: All keys of the extension, in the order of the docs.
KEYS = tuple(each for each in list(globals().values()) if isinstance(each, Key))

#: Settings that the SDK reads itself and that ``app.config`` may have: key → the SDK's argument.
SDK_KEYS: Mapping[str, str] = {
    "DATABRICKS_HOST": "host",
    "DATABRICKS_TOKEN": "token",
    "DATABRICKS_CLIENT_ID": "client_id",
    "DATABRICKS_CLIENT_SECRET": "client_secret",
    "DATABRICKS_CONFIG_PROFILE": "profile",
    "DATABRICKS_CONFIG_FILE": "config_file",
    "DATABRICKS_AUTH_TYPE": "auth_type",
}


def find_unknown_keys(names: Iterable[object]) -> Iterator[tuple[str, str]]:
    """Yield each name with our prefix that is no key, and what to do about it.

    Names of keys without ``JOBS``, or with ``JOB``, are found, too.

    :param names: the keys of ``app.config``, which may be any objects, or of the environment.
    """
    # Compare without the prefix, which makes all names similar.
    suffixes = [key.name.removeprefix(PREFIX) for key in KEYS]
    slips = {f"{slip}{each}": PREFIX + each for each in suffixes if each for slip in PREFIX_SLIPS}
    named = {name for name in names if isinstance(name, str)} - {key.name for key in KEYS}
    for name in sorted(each for each in named if each in slips or each.startswith(f"{PREFIX}_")):
        if (argument := name.removeprefix(f"{PREFIX}_").lower()) in ARGUMENTS:
            yield name, f"Pass {argument} to LakeflowJobs instead."
            continue
        closest = difflib.get_close_matches(name.removeprefix(PREFIX), suffixes, n=1)
        key = slips.get(name) or (PREFIX + closest[0] if closest else None)
        yield name, f"Did you mean {key}?" if key else "Remove it."
