"""``flask jobs doctor``: looks at all that has to be right, and says what is not."""

from __future__ import annotations

import difflib
import os
import uuid
from collections.abc import Collection, Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from ...config import keys
from ...config.jobs import JOB_PREFIX, Job, build_env_name
from ...errors import LakeflowJobsError
from ...idempotency import CLOCK_SKEW_SECONDS
from ...identity import APP
from ...runs.ids import parse_id
from ...state import AppState
from ..app import app_state
from ..exit_codes import Exit, help_table
from ..options import output_option, words
from ..output import print_document, print_result
from .app_yaml import AppYaml, app_yaml_in, binding, missing_variables, variable
from .findings import Finding, exit_of, failure, finding, fine, note, told
from .permissions import may_run, not_runnable, not_seen, placement
from .server import judged

#: A variable that Databricks Apps sets. Source: Databricks Apps documentation, "system-env".
ON_APPS = "DATABRICKS_APP_NAME"

LOGIN = (
    "Give the app a service principal: set DATABRICKS_HOST, DATABRICKS_CLIENT_ID and"
    " DATABRICKS_CLIENT_SECRET. Databricks Apps sets them by itself."
)

WAY = "See that DATABRICKS_HOST is the address of a workspace, and that this machine reaches it."


@click.command(short_help="Check settings, login, permissions and the server.", epilog=help_table())
@click.option(
    "--server",
    type=words,
    default="",
    metavar="COMMAND",
    help="The command that starts the app, if no app.yaml says it.",
)
@output_option
@with_appcontext
def doctor(server: list[str], as_json: bool) -> None:
    """Look at settings, login, jobs, server, cache and clocks, and say what to mend.

    No run is started and nothing is changed. The exit code is 0 if all is fine, 1 if something is
    to be mended, and 6 or 7 if the workspace does not let the app in or cannot be reached.
    """
    found = list(Doctor(current_app, app_state(), os.environ, server).findings())
    if as_json:
        print_document({"findings": [each.to_dict() for each in found]})
    else:
        print_result("\n".join(told(found)))
    raise click.exceptions.Exit(exit_of(found))


class Doctor:
    """Looks at one app.

    :param app: the app.
    :param state: what it keeps of the extension.
    :param environ: the environment of the process.
    :param server: the words of the command that starts the app; none: look for an ``app.yaml``.
    """

    def __init__(
        self, app: Flask, state: AppState, environ: Mapping[str, str], server: list[str]
    ) -> None:
        self._app = app
        self._state = state
        self._settings = state.settings
        self._state = state
        self._environ = environ
        root = Path(app.root_path)
        self._app_yaml: AppYaml | None = app_yaml_in([root, root.parent, Path.cwd()])
        self._server = server or list(self._app_yaml.command if self._app_yaml else ())

    def findings(self) -> Iterator[Finding]:
        """All there is to say, in the order in which things depend on each other."""
        yield from self._look_at_settings()
        yield from self._look_at_workspace()
        yield from self._look_at_access()
        yield from judged(
            self._server,
            self._environ,
            has_push=self._settings.push,
            shares_cache=self._state.cache.is_cross_process,
        )
        yield self._look_at_cache()
        if self._app_yaml is not None:
            yield from self._look_at_app_yaml(self._app_yaml)

    # ── settings ──────────────────────────────────────────────────────────────────────────────────

    def _look_at_settings(self) -> Iterator[Finding]:
        if jobs := self._settings.jobs:
            are = "jobs are" if len(jobs) > 1 else "job is"
            yield fine("settings", f"The {are} {', '.join(jobs)}.")
        else:
            yield finding(
                "settings",
                "The app has no jobs.",
                "Set DATABRICKS_JOB_<NAME> to a job's id, or name jobs in code.",
                app_yaml=variable("etl"),
                databricks_yml=binding("etl"),
            )
        yield from strays(self._environ, jobs)
        for name in sorted({*self._app.config, *self._environ}):
            if name.startswith(f"{keys.PREFIX}_") and name not in KNOWN:
                yield unknown_key(name)
        if self._settings.bundle is not None:
            yield fine("bundle", f"{self._settings.bundle} can be read; its jobs run here.")
        names_bundle = self._app.config.get(keys.BUNDLE.name) or self._environ.get(keys.BUNDLE.name)
        if names_bundle and self._settings.bundle is None:
            yield note(
                "bundle",
                f"DATABRICKS_HOST is set, so {keys.BUNDLE.name} is not used: jobs run there.",
            )

    # ── workspace ─────────────────────────────────────────────────────────────────────────────────

    def _look_at_workspace(self) -> Iterator[Finding]:
        upstream, clock = self._state.upstream, self._state.clock
        try:
            asked = clock.now()
            me = upstream.get_current_user(APP)
            middle = (asked + clock.now()) / 2
        except LakeflowJobsError as error:
            yield failure("login", error, LOGIN if error.exit_code == Exit.NOT_AUTHORISED else WAY)
            yield note("jobs", "They were not looked at, for want of a login.")
            return
        where = "the local workspace" if self._settings.bundle else "the workspace"
        yield fine("login", f"{me.get('userName')} is let in by {where}.")
        yield clocks(me.get("Date"), middle)
        for job in self._settings.jobs.values():
            yield from self._look_at_job(job, me)

    def _look_at_job(self, job: Job, me: Mapping[str, Any]) -> Iterator[Finding]:
        about = f"job {job.key}"
        try:
            definition = self._state.upstream.bind(APP, job).get_job().value
        except LakeflowJobsError as error:
            yield failure(about, error, WAY) if error.retryable else not_seen(job, error)
            return
        name = definition.settings.name if definition.settings else None
        yield fine(about, f"{job.job_id} is there ({name}).")
        yield from placement(job, definition)
        if job.run_as == "user":
            yield note(about, "It runs as its users, so what they may do is not looked at.")
        else:
            yield self._look_at_permissions(job, me)

    def _look_at_permissions(self, job: Job, me: Mapping[str, Any]) -> Finding:
        about = f"job {job.key}"
        try:
            permissions = self._state.upstream.bind(APP, job).get_permissions()
        except LakeflowJobsError as error:
            return note(
                about,
                f"Whether {me.get('userName')} may run it cannot be read: {error.detail}",
                "If a run is refused, grant CAN_MANAGE_RUN on the job.",
            )
        if may_run(permissions, me):
            return fine(about, f"{me.get('userName')} may run it.")
        return not_runnable(job, me)

    # ── who may what ──────────────────────────────────────────────────────────────────────────────

    def _look_at_access(self) -> Iterator[Finding]:
        jobs = self._settings.jobs.values()
        has_policy = self._state.policy is not None or any(job.policy for job in jobs)
        knows_users = self._state.user_loader is not None or self._settings.trust_proxy_headers
        is_on_apps = ON_APPS in self._environ or self._app_yaml is not None
        if not has_policy and not self._settings.read_only:
            yield note(
                "access",
                "There is no policy: whoever reaches the app may start, cancel and repair its"
                " jobs.",
                "Give LakeflowJobs a policy, unless what stands in front of the app decides.",
            )
        if has_policy and not knows_users:
            yield finding(
                "access",
                "There is a policy, and nothing tells it who asks: its user is always None.",
                f"Give LakeflowJobs a user_loader; or, on Databricks Apps, set"
                f" {keys.TRUST_PROXY_HEADERS.name}.",
                app_yaml=f'env:\n  - name: {keys.TRUST_PROXY_HEADERS.name}\n    value: "true"',
            )
        if self._settings.trust_proxy_headers and not is_on_apps:
            yield note(
                "access",
                f"{keys.TRUST_PROXY_HEADERS.name} is set, and this is not Databricks Apps: whoever"
                " sends X-Forwarded-Email is believed.",
                "Unset it, unless a proxy removes that header from what comes in.",
            )
        for job in jobs:
            if job.run_as == "user" and is_on_apps:
                yield finding(
                    f"job {job.key}",
                    "It runs as its users, and Databricks Apps offers no 'jobs' scope for their"
                    " tokens.",
                    "Let it run as the app, and decide by a policy who may do what.",
                )

    # ── cache ─────────────────────────────────────────────────────────────────────────────────────

    def _look_at_cache(self) -> Finding:
        shared = self._state.cache
        if not shared.is_cross_process:
            if self._settings.accepts_notifications:
                return note(
                    "cache",
                    "Each process has its own: a notification of Databricks tells only the one"
                    " that gets it.",
                    f"Where there are several, set {keys.CACHE.name} to one that they share.",
                )
            return note("cache", "Each process has its own, which is enough for one.")
        name, value = f"doctor:{uuid.uuid4().hex}", "well"
        shared.set(name, value, 60.0)
        is_well = shared.get(name) == value
        shared.delete(name)
        if is_well:
            return fine("cache", "What is put there can be read.")
        return finding(
            "cache",
            f"{keys.CACHE.name} cannot be reached, so each process stands alone.",
            "Check its address, and that the app's machine may connect to it.",
        )

    # ── app.yaml ──────────────────────────────────────────────────────────────────────────────────

    def _look_at_app_yaml(self, app_yaml: AppYaml) -> Iterator[Finding]:
        if app_yaml.mistake:
            name = app_yaml.path.name
            yield finding(name, f"It cannot be read: {app_yaml.mistake}", f"Mend {name}.")
        else:
            yield from missing_variables(app_yaml, self._keys_from_variables())

    def _keys_from_variables(self) -> list[str]:
        return [
            key
            for key in self._settings.jobs
            if build_env_name(key) in self._environ or self._settings.bundle is not None
        ]


def strays(environ: Mapping[str, str], jobs: Collection[str]) -> Iterator[Finding]:
    """The variables that look like a job's and name none.

    :param environ: of the process.
    :param jobs: the keys of the app's jobs.
    """
    read = {build_env_name(key) for key in jobs}
    for name, value in sorted(environ.items()):
        if (
            name.startswith(JOB_PREFIX)
            and name not in read
            and value
            and not parse_id(value.strip())
        ):
            yield finding(
                "settings",
                f"{name} is no job id, so it names no job.",
                "Set it to the id of a job, a positive whole number, or unset it.",
            )


KNOWN = {key.name for key in keys.KEYS}


def unknown_key(name: str) -> Finding:
    """The finding that nobody reads a setting.

    :param name: its key.
    """
    known = {each.removeprefix(keys.PREFIX): each for each in KNOWN}
    close = difflib.get_close_matches(name.removeprefix(keys.PREFIX), known, n=1)
    meant = f"Did you mean {known[close[0]]}?" if close else "Remove it."
    return finding("settings", f"Nothing reads {name}.", meant)


def clocks(date: str | None, now: float) -> Finding:
    """Whether this machine and the workspace have the same time.

    :param date: the ``Date`` of an answer.
    :param now: seconds since the epoch, at that moment.
    """
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return note("clock", "The workspace does not tell its time.")
    ahead = now - (theirs + 0.5)  # a Date has no fractions of seconds
    if abs(ahead) <= CLOCK_SKEW_SECONDS:
        return fine("clock", "It agrees with the workspace's.")
    return finding(
        "clock",
        f"This machine's is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the"
        " workspace's, so expected ends of runs are wrong.",
        "Let NTP set it.",
    )
