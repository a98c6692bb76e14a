"""The extension object: wires the parts together for each app and decides nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask

from .cache import SharedCache, create_backend
from .cache.namespace import cache_namespace
from .cli import command_group
from .clock import Clock, SystemClock
from .concurrency import load_module
from .config.job_config import JobConfigs, Policy
from .config.jobs import LocalJob
from .config.keys import BUNDLE, CONSOLE, CONSOLE_PREFIX, FOLLOW, NOTIFY, RECORD_URL
from .config.readers import SettingsReader
from .config.settings import LOCAL_FOLDER, AppSettings, load_settings
from .errors import ConfigurationError, UpstreamUnavailable, quote
from .following.notifier import check_urls
from .identity import UserLoader
from .maintenance import Maintenance
from .state import EXTENSION_KEY, AppState, database_credentials
from .web.blueprint import register_routes
from .web.first_request import FollowStart, WarmUp
from .web.servers import get_call_timeout, is_closing

if TYPE_CHECKING:
    from flask_caching import Cache

    from .local import Address
    from .record.store import Record
    from .upstream.gateway import Upstream


#: The key in ``app.extensions`` of the start of following.
FOLLOW_START_KEY = "lakeflow_jobs_follow"

_log = logging.getLogger("flask_lakeflow_jobs")


class LakeflowJobs:
    """Lakeflow Jobs for Flask apps. One object may serve several apps.

    :param app: the app to set up. You can also call :meth:`init_app` later.
    :param jobs: key → :class:`JobConfig` or a mapping with the same keys.
    :param cache: your own Flask-Caching ``Cache``, used instead of ``LAKEFLOW_JOBS_CACHE``.
    :param policy: ``(user, action, job key) -> bool``, which decides what a user may do over HTTP.
        The actions are ``view``, ``run``, ``cancel``, ``repair``, ``schedule``, ``report`` and
        ``audit``. Any result except ``True`` denies the action, and so does an exception.
    :param user_loader: returns the user of the current request or ``None``; with Flask-Login,
        ``lambda: current_user``. Without it, the user is a :class:`ProxyUser` if
        ``LAKEFLOW_JOBS_TRUST_PROXY_HEADERS`` is set, and ``None`` otherwise.
    :param url_prefix: the path before the HTTP routes.
    :param register_blueprint: whether to register the HTTP routes. The console needs them.
    :param page_url: ``(page, values) -> str | None``, the address of your own page in place of one
        of the console: ``show_jobs``, ``show_history``, ``show_form``, ``show_run`` or
        ``show_task``. ``values`` has what ``url_for`` needs, such as ``key`` and ``run_id``. With
        ``None``, links lead to the console's page.
    :param csp_nonce: returns the nonce of the current request. The pages of the console then allow
        your own scripts and styles with this nonce, and theirs carry it.
    :param clock: for tests: a clock to use instead of the system's.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        jobs: JobConfigs | None = None,
        cache: Cache | None = None,
        policy: Policy | None = None,
        user_loader: UserLoader | None = None,
        url_prefix: str = "/api/jobs",
        register_blueprint: bool = True,
        page_url: Callable[[str, Mapping[str, Any]], str | None] | None = None,
        csp_nonce: Callable[[], str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not isinstance(jobs or {}, Mapping):
            raise ConfigurationError(
                f"jobs must be a mapping of keys to JobConfig, not {type(jobs).__name__}."
            )
        functions: dict[str, object] = {"policy": policy, "user_loader": user_loader}
        functions |= {"page_url": page_url, "csp_nonce": csp_nonce}
        for name, function in functions.items():
            if not (function is None or callable(function)):
                raise ConfigurationError(
                    f"{name} must be a function, not {type(function).__name__}."
                )
        if not isinstance(url_prefix, str):
            raise ConfigurationError(
                f"url_prefix must be a path such as '/jobs', not {quote(url_prefix)}."
            )
        if not (cache is None or hasattr(cache, "init_app")):
            raise ConfigurationError(
                "cache must be a Cache of Flask-Caching. Set LAKEFLOW_JOBS_CACHE to a configuration"
                " of one instead."
            )
        self._jobs = dict(jobs or {})
        self._cache = cache
        self._policy = policy
        self._user_loader = user_loader
        self._url_prefix = url_prefix
        self._register_blueprint = register_blueprint
        self._page_url = page_url
        self._csp_nonce = csp_nonce
        self._clock = clock or SystemClock()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set up an app: read its settings and register routes and commands.

        This makes no request to the workspace.

        :raises ConfigurationError: a setting is invalid, and the message names its key; or the app
            is one of another framework.
        :raises RuntimeError: the app is already set up.
        """
        if not isinstance(app, Flask):  # Quart's would take all routes, and fail in each of them
            raise ConfigurationError(f"app must be a Flask app, not {type(app).__name__}.")
        if EXTENSION_KEY in app.extensions:
            raise RuntimeError("LakeflowJobs is already set up for this app. Call init_app once.")
        reader = SettingsReader(app.config, os.environ)
        settings = load_settings(
            reader, self._jobs, root=Path(app.root_path), read_bundle_jobs=_read_bundle_jobs
        )
        _check_notify_urls(settings)
        if settings.console:
            self._check_console(settings.console_prefix)
        state = app.extensions[EXTENSION_KEY] = self._build_state(app, settings, reader)
        if self._register_blueprint:
            register_routes(app, settings, self._clock, url_prefix=self._url_prefix)
        _begin_after_first_request(app, state)
        if settings.console:
            # Only apps that serve the console load it.
            from .console import console_blueprint

            app.register_blueprint(
                console_blueprint(settings.console_prefix, self._page_url, self._csp_nonce)
            )
        if command_group.name in app.cli.commands:
            _log.warning("'flask jobs' is a command of the app's own. Rename it to have this one.")
        else:
            app.cli.add_command(command_group)

    def _build_state(self, app: Flask, settings: AppSettings, reader: SettingsReader) -> AppState:
        clock, instance = self._clock, Path(app.instance_path)
        namespace = cache_namespace(reader, settings.bundle, instance)
        backend = create_backend(app, settings.cache, self._cache)
        cache = SharedCache(backend, clock, namespace=namespace.name, secret=namespace.secret)
        return AppState(
            app,
            settings,
            connect=lambda: _connect(settings, instance, cache, clock),
            cache=cache,
            clock=clock,
            is_closing=is_closing,
            policy=self._policy,
            user_loader=self._user_loader,
            record=_open_record(app, settings, instance, clock),
        )

    def follow(self, app: Flask) -> None:
        """Start to follow runs in this process now, and not only after its first request.

        Call it in a hook that the server runs in each worker, such as gunicorn's
        ``post_worker_init``; never in a process that forks workers.

        :raises ConfigurationError: the app has no record, or does not follow runs.
        """
        start: FollowStart | None = app.extensions.get(FOLLOW_START_KEY)
        if start is None:
            raise ConfigurationError(f"Set {FOLLOW.name} to true to follow runs.")
        start.start()

    def _check_console(self, prefix: str) -> None:
        if not self._register_blueprint:
            raise ConfigurationError(
                f"{CONSOLE.name} requires the HTTP routes, because its pages follow runs over them."
                " Do not set register_blueprint to False."
            )
        if prefix == self._url_prefix.rstrip("/"):
            raise ConfigurationError(
                f"{CONSOLE_PREFIX.name} and url_prefix must differ, because the console and the"
                f" HTTP routes have the same paths. Both are {prefix!r}."
            )


def _begin_after_first_request(app: Flask, state: AppState) -> None:
    """Let each process maintain the record, warm up and follow runs, as the settings say."""
    settings = state.settings
    steps = [] if state.record is None else [Maintenance(state, state.record).start]
    if settings.warm_up and settings.jobs:
        steps.append(state.warm_up)
    app.after_request(WarmUp(*steps).after_request)
    if settings.follow:
        start = app.extensions[FOLLOW_START_KEY] = FollowStart(state.build_follower)
        app.after_request(start.after_request)


def _connect(settings: AppSettings, instance: Path, cache: SharedCache, clock: Clock) -> Upstream:
    # The upstream package imports the SDK, which takes about a second: not at the start of the app.
    try:
        load_module("flask_lakeflow_jobs.upstream.gateway")
        from .upstream.gateway import Upstream
    except ImportError as error:
        raise ConfigurationError(
            f"The Databricks SDK cannot be loaded: {error}. On mod_wsgi, set WSGIApplicationGroup"
            " %{GLOBAL}; on uWSGI, single-interpreter. Elsewhere, install databricks-sdk again."
        ) from error

    start_local = None
    if settings.bundle is not None:
        start_local = partial(_start_local, settings.bundle, instance, settings.local_install)
    return Upstream(settings, start_local, cache, clock, get_call_timeout)


def _start_local(bundle: Path, instance: Path, install: bool) -> Address:
    # An extra.
    from .local import BundleError, WorkspaceError, ensure_workspace

    try:
        return ensure_workspace(instance / LOCAL_FOLDER, bundle, install=install)
    except (BundleError, WorkspaceError) as error:
        raise UpstreamUnavailable(f"The local workspace cannot start: {error}") from error


def _open_record(app: Flask, settings: AppSettings, instance: Path, clock: Clock) -> Record | None:
    if settings.record_url is None:
        return None
    try:  # an extra
        from .record.store import open_record
    except ModuleNotFoundError as error:
        raise _lacks_module_of_record(error.name) from None
    if find_spec("alembic") is None:  # imported late: only to create the tables
        raise _lacks_module_of_record("alembic")
    credentials = database_credentials(app, settings.lakebase)
    return open_record(settings.record_url, instance, clock, credentials)


def _lacks_module_of_record(name: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"{RECORD_URL.name} requires {name}: pip install 'flask-lakeflow-jobs[record]'."
    )


def _check_notify_urls(settings: AppSettings) -> None:
    checked = set()
    for key, job in settings.jobs.items():
        if job.notify.urls and job.notify.urls not in checked:
            checked.add(job.notify.urls)
            is_default = job.notify.urls == settings.notify.urls
            check_urls(NOTIFY.name if is_default else f"jobs[{key!r}].notify", job.notify)


def _read_bundle_jobs(path: Path) -> Mapping[str, LocalJob]:
    try:  # an extra
        from .local import BundleError, WorkspaceError, load_bundle  # noqa: F401 (not on Windows)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{BUNDLE.name} requires {error.name}: pip install 'flask-lakeflow-jobs[local]'."
        ) from None
    except ImportError as error:
        raise ConfigurationError(f"{BUNDLE.name}: {error}") from None
    try:
        bundle = load_bundle(path)
    except BundleError as error:
        raise ConfigurationError(f"{BUNDLE.name}: {error}") from error
    for warning in bundle.warnings:
        _log.warning("%s: %s", BUNDLE.name, warning)
    return {
        key: LocalJob(job.job_id, job.settings.get("description"))
        for key, job in bundle.jobs.items()
    }
