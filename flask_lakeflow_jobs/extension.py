"""The extension object: wires the rooms together for each app, and decides nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from .cache import SharedCache, cache_namespace
from .cli import command_group
from .clock import Clock, SystemClock
from .config.jobs import JobConfigs, Policy
from .config.keys import BUNDLE, CONSOLE
from .config.readers import SettingsReader
from .config.settings import Settings, load_settings
from .errors import ConfigurationError, UpstreamUnavailable
from .identity import UserLoader
from .state import EXTENSION, AppState
from .web.blueprint import serve
from .web.sse.limits import is_closing

if TYPE_CHECKING:
    from flask_caching import Cache

    from .local import Address
    from .upstream.gateway import Upstream


class LakeflowJobs:
    """Lakeflow Jobs for Flask apps; one object may serve several.

    :param app: the app to set up; or call :meth:`init_app` later.
    :param jobs: key → :class:`JobConfig` or a mapping with the same keys.
    :param cache: the host's own Flask-Caching ``Cache``, in place of one made from
        ``LAKEFLOW_JOBS_CACHE``.
    :param policy: ``(user, action, job key) -> bool``: who may do what over HTTP; the actions are
        ``view``, ``run``, ``cancel`` and ``repair``. One that raises, or answers anything but
        ``True``, denies.
    :param user_loader: gives the user of the current request, or ``None``: ``lambda: current_user``
        with Flask-Login. Without it the user is a :class:`ProxyUser` where
        ``LAKEFLOW_JOBS_TRUST_PROXY_HEADERS`` is set, and else nobody.
    :param url_prefix: where the HTTP routes are.
    :param register_blueprint: whether there are HTTP routes.
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
    ) -> None:
        self._jobs = dict(jobs or {})
        self._cache = cache
        self._policy = policy
        self._user_loader = user_loader
        self._url_prefix = url_prefix
        self._register_blueprint = register_blueprint
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set an app up: read its settings, register routes and commands. No request is made.

        :param app: the app.
        :raises ConfigurationError: a setting makes no sense; the sentence names its key.
        :raises RuntimeError: the app is set up already.
        """
        if EXTENSION in app.extensions:
            raise RuntimeError("LakeflowJobs is set up for this app already: call init_app once.")
        sources = SettingsReader(app.config, os.environ)
        settings = load_settings(
            sources,
            self._jobs,
            root=Path(app.root_path),
            bundle_jobs=_bundle_jobs,
        )
        clock = SystemClock()
        namespace = cache_namespace(sources, settings.bundle, Path(app.instance_path))
        cache = SharedCache.from_config(app, settings.cache, self._cache, namespace=namespace)
        app.extensions[EXTENSION] = AppState(
            app,
            settings,
            connect=lambda: _connect(settings, Path(app.instance_path), cache, clock),
            cache=cache,
            clock=clock,
            is_closing=is_closing,
            policy=self._policy,
            user_loader=self._user_loader,
        )
        if self._register_blueprint:
            serve(app, settings, clock, url_prefix=self._url_prefix)
        if settings.console:
            self._serve_console(app, settings.console_prefix)
        app.cli.add_command(command_group)

    def _serve_console(self, app: Flask, prefix: str) -> None:
        if not self._register_blueprint:
            raise ConfigurationError(
                f"{CONSOLE.name} needs the HTTP routes, which its pages follow runs by: leave"
                " register_blueprint as it is."
            )
        from .console import console_blueprint

        app.register_blueprint(console_blueprint(prefix))


def _connect(settings: Settings, instance: Path, cache: SharedCache, clock: Clock) -> Upstream:
    """Open the upstream room, and with it the SDK: at the first call, never on import."""
    from .upstream.gateway import Upstream

    if settings.bundle is None:
        return Upstream(settings, None, cache, clock)
    bundle = settings.bundle

    def local() -> Address:
        from .local import BundleError, WorkspaceError, ensure_workspace

        try:
            return ensure_workspace(instance / "lakeflow", bundle)
        except (BundleError, WorkspaceError) as error:
            raise UpstreamUnavailable(f"The local workspace cannot run: {error}") from error

    return Upstream(settings, local, cache, clock)


def _bundle_jobs(path: Path) -> Mapping[str, int]:
    try:
        from .local import BundleError, load_bundle
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{BUNDLE.name} needs {error.name}: pip install 'flask-lakeflow-jobs[local]'."
        ) from None
    try:
        bundle = load_bundle(path)
    except BundleError as error:
        raise ConfigurationError(f"{BUNDLE.name}: {error}") from error
    return {key: job.job_id for key, job in bundle.jobs.items()}
