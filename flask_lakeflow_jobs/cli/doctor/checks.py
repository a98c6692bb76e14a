"""The checks that read the app and its workspace."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...clock import CLOCK_SKEW_SECONDS, parse_server_time
from ...concurrency import descriptor_limit
from ...config import keys
from ...config.job_config import parse_job_id
from ...config.jobs import JOB_PREFIX, Job, build_env_name
from ...errors import (
    DatabaseUnavailable,
    LakeflowJobsError,
    RecordOutdated,
    UpstreamThrottled,
    UpstreamUnavailable,
)
from ...following.notifier import NotifyFailed, send_message
from ...identity import APP
from ...state import AppState
from ..exit_codes import ExitCode
from .app_yaml import AppYaml, binding_lines, check_app_yaml
from .findings import Finding
from .permissions import check_parameters, check_permissions, report_unreadable_job
from .running_server import check_running_server
from .server import GUNICORN_CONFIG, check_descriptors, check_server

if TYPE_CHECKING:
    from ...record.store import Record

#: A variable that Databricks Apps sets. Source: Databricks Apps documentation, "system-env".
ON_APPS = "DATABRICKS_APP_NAME"

LOGIN_REMEDY = (
    "Set DATABRICKS_HOST, and either DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET of a service"
    " principal or a DATABRICKS_TOKEN that is valid, not both. Databricks Apps sets the first three"
    " itself."
)

CONNECTION_REMEDY = (
    "Check that DATABRICKS_HOST is the address of a workspace without a path, such as"
    " https://dbc-1234.cloud.databricks.com, and that this machine can reach it."
)

LATER_REMEDY = (
    "The workspace responds, so the settings are right. Try again later; if it does not recover,"
    " see the status page of Databricks."
)

LOCAL_REMEDY = "Correct that, and try it with 'flask jobs local'."

#: The message that tests who is notified of ends.
TEST_TITLE = "Test of flask-lakeflow-jobs"
TEST_TEXT = "This is a test. Messages about the ends of runs arrive here. Jobs: {jobs}."


@dataclass(frozen=True)
class Setup:
    """The state that the checks inspect.

    :param server: the command that starts the app; empty: that of ``app_yaml``.
    :param url: where the app runs; ``None``: it is not asked.
    """

    state: AppState
    config: Mapping[str, Any]
    environ: Mapping[str, str]
    app_yaml: AppYaml | None
    server: list[str]
    url: str | None

    @property
    def is_on_apps(self) -> bool:
        return ON_APPS in self.environ or self.app_yaml is not None

    @property
    def start_folder(self) -> Path:
        """The folder in which the server starts: that of ``app.yaml`` if its command starts it."""
        return self.app_yaml.path.parent if self.app_yaml and not self.server else Path.cwd()

    @property
    def names_in_app_yaml(self) -> frozenset[str]:
        """The variables that ``app.yaml`` will set; none on Databricks Apps, where they are set."""
        if self.app_yaml is None or ON_APPS in self.environ:
            return frozenset()
        return self.app_yaml.env


def run_checks(setup: Setup) -> Iterator[Finding]:
    """Run all checks, in the order in which they depend on each other."""
    settings, app_yaml = setup.state.settings, setup.app_yaml
    yield from _check_settings(setup)
    yield from _check_workspace(setup)
    yield from _check_access(setup)
    yield from check_server(
        setup.server or list(app_yaml.command if app_yaml else ()),
        setup.environ,
        has_push=settings.push,
        shares_cache=setup.state.cache.is_cross_process,
        has_config=(setup.start_folder / GUNICORN_CONFIG).exists(),
    )
    if setup.url is not None:
        yield check_running_server(setup.url)
    yield check_descriptors(descriptor_limit())
    yield _check_cache(setup.state)
    if setup.state.record is not None:
        yield check_record(setup.state.record)
        yield from _check_follow(setup)
    if app_yaml is not None:
        job_keys = [
            key for key in settings.jobs if settings.bundle or build_env_name(key) in setup.environ
        ]
        yield from check_app_yaml(app_yaml, job_keys)


def _check_settings(setup: Setup) -> Iterator[Finding]:
    settings = setup.state.settings
    if settings.jobs:
        yield Finding.ok("settings", f"Jobs: {', '.join(settings.jobs)}.")
    else:
        yield Finding.error(
            "settings",
            "The app has no jobs.",
            "Set DATABRICKS_JOB_<NAME> to the id of a job, or configure jobs in code.",
            binding_lines("etl"),
        )
    yield from find_unknown_variables(setup.environ, settings.jobs)
    yield from check_key_names({*setup.config, *setup.environ, *setup.names_in_app_yaml})
    if settings.bundle is not None:
        yield Finding.ok("bundle", f"{settings.bundle} is valid, and its jobs run locally.")
    elif setup.config.get(keys.BUNDLE.name) or setup.environ.get(keys.BUNDLE.name):
        # On Databricks Apps, an app has the settings that it is developed with.
        report = Finding.ok if ON_APPS in setup.environ else Finding.warning
        yield report(
            "bundle",
            f"DATABRICKS_HOST is set, so {keys.BUNDLE.name} is not used: jobs run on that"
            " workspace.",
        )


def find_unknown_variables(environ: Mapping[str, str], jobs: Collection[str]) -> Iterator[Finding]:
    """Find variables that are named like the id of a job, but have another value."""
    job_variables = {build_env_name(key) for key in jobs}
    for name, value in sorted(environ.items()):
        is_unknown = name.startswith(JOB_PREFIX) and name not in job_variables
        if is_unknown and value and parse_job_id(value) is None:
            yield Finding.error(
                "settings",
                f"{name} is not a job id, so it defines no job.",
                "Set it to the id of a job, a positive integer, or unset it.",
            )


def check_key_names(names: Iterable[object]) -> Iterator[Finding]:
    """Find keys with our prefix that no setting has."""
    for name, remedy in keys.find_unknown_keys(names):
        yield Finding.error("settings", f"{name} is not a setting.", remedy)


def _check_workspace(setup: Setup) -> Iterator[Finding]:
    state = setup.state
    try:
        requested = state.clock.now()
        user = state.upstream.get_current_user()
        responded = state.clock.now()
    except LakeflowJobsError as error:
        if error.exit_code == ExitCode.NOT_AUTHORIZED:
            remedy = LOGIN_REMEDY
        else:
            remedy = LOCAL_REMEDY if state.settings.bundle else _connection_remedy(error)
        yield Finding.failure("login", error, remedy)
        yield Finding.warning("jobs", "They cannot be checked without a login.")
        return
    where = "the local workspace" if state.settings.bundle else "the workspace"
    yield Finding.ok("login", f"{user.get('userName')} can log in to {where}.")
    if setup.app_yaml is not None and ON_APPS not in setup.environ and not state.settings.bundle:
        yield from check_identity(str(user.get("userName")))
    yield check_clock(user.get("Date"), requested, responded)
    for job in state.settings.jobs.values():
        yield from _check_job(state, job, user)


def _connection_remedy(error: LakeflowJobsError) -> str:
    has_passed = isinstance(error, UpstreamThrottled | UpstreamUnavailable) and error.upstream_code
    return LATER_REMEDY if has_passed else CONNECTION_REMEDY


def check_identity(name: str) -> Iterator[Finding]:
    """Check that the permissions of an app on Databricks Apps are not those of a person.

    :param name: of the user, which is an email address, or of the service principal.
    """
    if "@" in name:
        yield Finding.warning(
            "login",
            f"This checks the permissions of {name}, not those of the app's service principal.",
            "Run it with the app's DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET.",
        )


def check_clock(date: str | None, requested: float, responded: float) -> Finding:
    """Check that this machine and the workspace agree on the time.

    :param date: the ``Date`` header of a response.
    :param requested: seconds since the epoch at which it was requested.
    :param responded: seconds since the epoch at which it had arrived.
    """
    server_time = parse_server_time(date)
    if server_time is None:
        return Finding.warning("clock", "The workspace does not send its time.")
    ahead = max(0.0, requested - server_time) or min(0.0, responded - server_time)
    if abs(ahead) <= CLOCK_SKEW_SECONDS:
        return Finding.ok("clock", "It agrees with the workspace's.")
    return Finding.error(
        "clock",
        f"It is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the workspace's,"
        " so the expected ends of runs are wrong.",
        "Synchronize it with NTP.",
    )


def _check_job(state: AppState, job: Job, user: Mapping[str, Any]) -> Iterator[Finding]:
    about = f"job {job.key}"
    try:
        definition = state.upstream.bind(APP, job).get_job().value
    except LakeflowJobsError as error:
        if error.retryable:
            yield Finding.failure(about, error, _connection_remedy(error))
        else:
            yield report_unreadable_job(job, error, user)
        return
    name = definition.settings.name if definition.settings else None
    yield Finding.ok(about, f"Job {job.job_id} exists ({name}).")
    yield from check_parameters(job, definition)
    if job.run_as == "user":
        yield Finding.warning(about, "It runs as its users, whose permissions are not checked.")
        return
    try:
        permissions = state.upstream.bind(APP, job).get_permissions()
    except LakeflowJobsError as error:
        yield Finding.warning(
            about,
            f"Its permissions cannot be read: {error.detail}",
            "If a run is refused, grant CAN_MANAGE_RUN on the job.",
        )
        return
    yield from check_permissions(job, permissions, user)


def _check_access(setup: Setup) -> Iterator[Finding]:
    settings = setup.state.settings
    has_policy = setup.state.policy is not None or any(job.policy for job in settings.jobs.values())
    name = keys.TRUST_PROXY_HEADERS.name
    has_users = setup.state.user_loader is not None or settings.trust_proxy_headers
    if not has_policy and not settings.read_only:
        yield Finding.warning(
            "access",
            "There is no policy: anyone who can reach the app may start, cancel and repair its"
            " jobs.",
            "Give LakeflowJobs a policy, unless a proxy in front of the app decides.",
        )
    if has_policy and not has_users and name not in setup.names_in_app_yaml:
        yield Finding.error(
            "access",
            "There is a policy, but nothing that identifies users: its user is always None.",
            f"Give LakeflowJobs a user_loader or, on Databricks Apps, set {name}.",
            {"app.yaml": f'env:\n  - name: {name}\n    value: "true"'},
        )
    if settings.trust_proxy_headers and not setup.is_on_apps:
        yield Finding.warning(
            "access",
            f"{name} is set, but this is not Databricks Apps: any client"
            " can send X-Forwarded-Email and is believed.",
            "Unset it, unless a proxy removes this header from requests.",
        )
    for job in settings.jobs.values():
        if job.run_as == "user" and setup.is_on_apps:
            yield Finding.error(
                f"job {job.key}",
                "It runs as its users, but Databricks Apps has no 'jobs' scope for their tokens.",
                "Let it run as the app, and use a policy to decide who may do what.",
            )


def check_record(record: Record) -> Finding:
    """Check that the record can be read and written, and has the tables of this version."""
    name = f"doctor:{uuid.uuid4().hex}"
    try:
        record.check_schema(is_exact=True)
        record.list_unfinished_runs([], limit=1)
        record.acquire_lease(name, name, 60.0)
        record.release_lease(name, name)
    except RecordOutdated as error:
        return Finding.failure("record", error, "")
    except DatabaseUnavailable as error:
        place = "its folder" if record.database.is_sqlite else "the server"
        return Finding.failure("record", error, f"Check {keys.RECORD_URL.name} and {place}.")
    return Finding.ok("record", f"{record.database.address} can be read and written.")


def _check_follow(setup: Setup) -> Iterator[Finding]:
    settings, name = setup.state.settings, keys.FOLLOW.name
    is_set = settings.follow or name in setup.names_in_app_yaml
    if not is_set and any(job.notify.urls for job in settings.jobs.values()):
        yield Finding.warning(
            "notify",
            f"{name} is not set, so the end of a run without a viewer sends no message.",
            "Set it to true, unless 'flask jobs follow' runs.",
        )


def _check_cache(state: AppState) -> Finding:
    cache = state.cache
    if not cache.is_cross_process:
        if state.settings.accepts_notifications:
            return Finding.warning(
                "cache",
                "Each process has its own, so a notification reaches only the one that gets it.",
                f"If there are several processes, set {keys.CACHE.name} to a shared cache.",
            )
        return Finding.warning("cache", "Each process has its own. This is enough for one process.")
    name, value = f"doctor:{uuid.uuid4().hex}", "written"
    cache.set(name, value, 60.0)
    is_shared = cache.get(name) == value
    cache.delete(name)
    if is_shared:
        return Finding.ok("cache", "It can be written and read.")
    return Finding.error(
        "cache",
        f"{keys.CACHE.name} cannot be reached, so processes share nothing.",
        "Check its address, and that this machine can connect to it.",
    )


def send_tests(jobs: Mapping[str, Job]) -> Iterator[Finding]:
    """Send a test message to each URL, once."""
    urls = dict.fromkeys(url for job in jobs.values() for url in job.notify.urls)
    if not urls:
        yield Finding.error(
            "notify", "Nobody is notified of ends.", f"Set {keys.NOTIFY.name} to a URL of Apprise."
        )
    for url in urls:
        job_keys = [key for key, job in jobs.items() if url in job.notify.urls]
        try:
            send_message(url, TEST_TITLE, TEST_TEXT.format(jobs=", ".join(job_keys)))
        except NotifyFailed as error:
            yield Finding.error(
                "notify",
                str(error),
                f"Check the URL in {keys.NOTIFY.name}, or in 'notify' of the job, and that this"
                " machine can reach it.",
            )
        else:
            yield Finding.ok("notify", f"{url.name} accepted a test message.")
