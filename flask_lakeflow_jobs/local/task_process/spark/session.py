"""The Spark session of a task: on Sail, or the one of the user's pyspark."""

from __future__ import annotations

import os
import re
import sys
from importlib.machinery import PathFinder

# Every task imports this module, so what only those with Spark need is imported in functions.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any

#: The variable with the message of a Sail server that does not start.
_FAILURE = "LAKEFLOW_LOCAL_SPARK_ERROR"
#: The variable with the folder of tables, which only a task on Sail has.
_FOLDER = "LAKEFLOW_LOCAL_SPARK"

#: What to do where no pyspark is installed.
INSTALL_ADVICE = (
    "There is no Spark in this environment. Install it to use 'spark' in the local workspace: "
    "pip install 'flask-lakeflow-jobs[spark]'."
)

# Statements about the layout of files or the setup of a workspace, which no engine here knows.
_WITHOUT_EFFECT = re.compile(r"\s*(OPTIMIZE|VACUUM|ANALYZE|CREATE\s+CATALOG)\b", re.IGNORECASE)


class TaskSpark:
    """The Spark of a task, which starts when its code uses it."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._payload = payload
        self._session: Any = None
        self._tables: dict[str, list[str]] = {}  # as the task found them
        self._release: Callable[[], None] | None = None

    def install(self) -> None:
        """Start a session when the task imports ``pyspark.sql``.

        On Databricks a session is always active. Starting it for every task would take seconds.
        """
        if _FOLDER in os.environ or _FAILURE in os.environ:
            sys.meta_path.insert(0, _Finder("pyspark.sql", self._start))

    @property
    def is_installed(self) -> bool:
        """True if Spark runs the SQL of tasks, and not DuckDB."""
        if PathFinder.find_spec("pyspark") is None:
            return False
        from shutil import which

        if {_FOLDER, _FAILURE, "SPARK_REMOTE"} & os.environ.keys():
            return True  # a server that does not start fails SQL, which would miss its tables
        return "JAVA_HOME" in os.environ or which("java") is not None

    @property
    def session(self) -> Any:
        """The active session.

        :raises ImportError: Spark cannot be imported.
        :raises RuntimeError: Spark is missing, or the workspace could not start it.
        """
        try:
            from pyspark.sql import SparkSession  # on Sail, it starts the session
        except ImportError as error:
            if not (error.name or "").startswith("pyspark"):
                raise  # it says what else is missing, such as pandas
            raise RuntimeError(INSTALL_ADVICE) from None
        if self._session is None:
            self._session = SparkSession.builder.getOrCreate()
        return self._session

    def save(self) -> None:
        """Save the names of tables, so that later tasks find them, and end the session."""
        if self._release is None:
            return
        from .tables import save_tables

        try:
            save_tables(self._session, os.environ[_FOLDER], self._tables)
            self._release()
        except Exception as error:  # the task's own result counts
            print(f"Later tasks may not see new tables of this task: {error}", file=sys.stderr)

    def _start(self) -> None:
        if self._session is not None:  # the module is loaded again
            return
        if message := os.environ.get(_FAILURE):
            raise RuntimeError(message)
        from pyspark.sql import SparkSession

        from .tables import load_tables

        session: Any = SparkSession.builder.getOrCreate()
        settings = {
            **self._payload["spark_settings"],
            "spark.sql.sources.default": "delta",
            "spark.sql.warehouse.dir": os.path.join(os.environ[_FOLDER], "warehouse"),
        }
        for key, value in settings.items():
            session.conf.set(key, value)
        self._tables = load_tables(session, os.environ[_FOLDER])
        self._session, self._release = session, session.stop
        _adapt(session)


def _adapt(session: Any) -> None:
    """Let one session take what notebooks say to that of a cluster."""
    run = session.sql

    def run_statement(query: str, *args: Any, **options: Any) -> Any:
        if effect := find_without_effect(query):
            print(effect)
            return run("SELECT 1 AS skipped WHERE false")
        return run(query, *args, **options)

    session.sql = run_statement
    session.stop = lambda: None  # on a cluster too, the session outlives the script
    frame = type(session.range(0))
    if not hasattr(frame, "display"):  # Databricks adds it to the frames of Spark
        frame.display = lambda self, *_, **__: self.show()


def find_without_effect(statement: str) -> str:
    """Return what to print in place of running a statement, empty to run it."""
    match = _WITHOUT_EFFECT.match(statement)
    if match is None:
        return ""
    return f"{' '.join(match[1].upper().split())} has no effect in the local workspace."


class _Finder:
    """Calls a function once a module is loaded, if it is installed."""

    def __init__(self, name: str, notify: Callable[[], None]) -> None:
        self._name = name
        self._notify = notify

    def find_spec(self, name: str, path: Sequence[str] | None = None, *_: Any) -> ModuleSpec | None:
        """Return how to load the module."""
        spec = PathFinder.find_spec(name, path) if name == self._name else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._notify)  # type: ignore[assignment]
        return spec


class _Loader:
    """Loads a module with its own loader, then calls a function."""

    def __init__(self, loader: Any, notify: Callable[[], None]) -> None:
        self._loader = loader
        self._notify = notify

    def create_module(self, spec: ModuleSpec) -> Any:
        """Create the module."""
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """Load the module."""
        self._loader.exec_module(module)
        self._notify()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
