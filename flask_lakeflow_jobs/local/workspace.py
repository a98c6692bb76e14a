"""A workspace in this process: from its bundle and folder to an address, and its end."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from .bundle.load import Bundle, load_bundle
from .bundle.variables import hash_variables
from .clock import Clock, SystemClock
from .folder import Address, WorkspaceError, WorkspaceFolder
from .http.application import Application
from .http.server import HttpServer
from .registry import Registry
from .service import WorkspaceService
from .store.runs import RunStore
from .store.sqlite import Store

_PART = re.compile(r"[\w-]{1,240}", re.ASCII)  # of the name of a volume


class Workspace:
    """A workspace in this process.

    :param bundle: the path of a ``databricks.yml``.
    :param folder: where it keeps its runs; a folder has one workspace at a time.
    :param clock: a :class:`ManualClock` lets a test control the time.
    :param target: the target of the bundle; ``None``: its default.
    :param port: a port that is used if it is free; ``None``: the last port of this folder.
    :param install: install the packages that tasks list.
    """

    registry: Registry
    _server: HttpServer
    _application: Application
    _run_store: RunStore

    def __init__(
        self,
        bundle: str | Path,
        folder: str | Path,
        *,
        clock: Clock | None = None,
        target: str | None = None,
        port: int | None = None,
        install: bool = False,
    ) -> None:
        self._bundle_path = bundle
        self._folder = WorkspaceFolder(folder)
        self._clock = clock
        self._target = target
        self._port = port
        self._installs = install
        self._resources = ExitStack()

    def start(self) -> Address:
        """Start the server and return its address.

        :raises BundleError: the bundle is invalid.
        :raises WorkspaceError: another process serves the folder, or it cannot be used.
        """
        bundle = load_bundle(self._bundle_path, target=self._target)
        self._folder.create()
        self._folder = self._folder.with_plain_path()
        with ExitStack() as resources:
            try:
                resources.callback(os.close, self._folder.acquire())
                # The address may name a process that died, whose number another process has by now.
                self._folder.remove_address()
                address = self._serve(bundle, resources)
            except (OSError, sqlite3.OperationalError) as error:
                raise self._folder.unusable(error) from error
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                raise WorkspaceError(
                    f"The database {self._folder.database} cannot be used: {error}. Move it away "
                    "to start with an empty one; its runs are lost then."
                ) from error
            self._resources = resources.pop_all()
        return address

    def _serve(self, bundle: Bundle, resources: ExitStack) -> Address:
        store = Store(self._folder.database)
        resources.callback(store.close)
        self._run_store = RunStore(store)
        for leftover in (self._folder.tasks, self._folder.unfinished):
            shutil.rmtree(leftover, ignore_errors=True)
        self._folder.tasks.mkdir(mode=0o700, exist_ok=True)
        self._folder.data.mkdir(mode=0o700, exist_ok=True)
        token, last_port = self._folder.read_identity()
        self._server = HttpServer(last_port if self._port is None else self._port)
        resources.callback(self._server.stop)  # if the rest fails
        # Read the bundle again: it may refer to the address, which is known only now.
        host = self._server.host
        read = partial(self._read_bundle, host)
        system_clock = SystemClock()
        clock = self._clock or system_clock
        self.registry = Registry(read, self._run_store, clock)
        service = WorkspaceService(
            self._folder,
            self.registry,
            self._run_store,
            clock,
            host=host,
            token=token,
            install=self._installs,
        )
        resources.callback(service.engine.close)
        self._application = service.build_application()
        resources.callback(system_clock.stop)
        self._server.start(self._application, self._application.max_body_bytes)
        resources.callback(self._server.stop)
        self._folder.save_port(token, self._server.port)
        resources.callback(self._folder.remove_address)
        return self._publish_address(host, token, bundle)

    def _read_bundle(self, host: str, **options: Any) -> Bundle:
        """Read the bundle; create the folders of its schemas and volumes, as a deployment does."""
        bundle = load_bundle(self._bundle_path, target=self._target, host=host, **options)
        for name in bundle.catalog_objects:
            parts = name.split(".")
            if all(map(_PART.fullmatch, parts)):  # some references only a workspace knows
                self._folder.volumes.joinpath(*parts).mkdir(parents=True, exist_ok=True)
        return bundle

    def _publish_address(self, host: str, token: str, bundle: Bundle) -> Address:
        address = Address(host, token, os.getpid())
        self._folder.write_address(
            {
                **asdict(address),
                "bundle": str(bundle.path),
                "target": bundle.target,
                "default_target": bundle.default_target,
                "variables": hash_variables(),
                "install": self._installs,
            }
        )
        return address

    def stop(self) -> None:
        """Stop the server, and end all running tasks."""
        self._resources.close()

    def __enter__(self) -> Address:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_serving(self) -> bool:
        """True until the server stops or fails."""
        return self._server.is_serving

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request or the end of the last run; 0 while one is active."""
        if not self._run_store.is_idle:
            return 0.0
        last_use = max(self._application.last_request, self._run_store.last_end)
        return time.monotonic() - last_use
