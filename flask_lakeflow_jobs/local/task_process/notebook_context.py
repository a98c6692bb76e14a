"""The context of a notebook, as code gets it from ``dbutils.notebook.entry_point``."""

from __future__ import annotations

import json
import os
import types

from .paths import to_workspace_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Option:
    """A value that may be missing, like an ``Option`` of Scala."""

    def __init__(self, name: str, value: str | None) -> None:
        self._name = name
        self._value = value

    def get(self) -> str:
        """Return the value.

        :raises LookupError: it is missing.
        """
        if self._value is None:
            raise LookupError(
                f"Write getOrElse(…) in place of get(): the context has no {self._name} in the "
                "local workspace."
            )
        return self._value

    def getOrElse(self, default: Any) -> Any:  # noqa: N802 (its name on Databricks)
        return default if self._value is None else self._value

    def isDefined(self) -> bool:  # noqa: N802
        return self._value is not None


class Tags:
    """Values by name, like a ``Map`` of Scala."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def get(self, name: str) -> Option:
        """Return a value that may be missing."""
        return Option(repr(name), self._values.get(name))

    def apply(self, name: str) -> str:
        """Return a value.

        :raises LookupError: it is missing.
        """
        return self.get(name).get()


class Context:
    """A notebook's run. Each other method, such as ``notebookPath()``, returns an option."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._tags = {name: str(value) for name, value in payload["run"].items()}
        host = os.environ.get("DATABRICKS_HOST", "")
        self._values = {
            "apiToken": os.environ.get("DATABRICKS_TOKEN"),
            "apiUrl": host,
            "browserHostName": host.rpartition("/")[2],
            "currentRunId": self._tags["runId"],
            "jobId": self._tags["jobId"],
            "notebookPath": _notebook_path(payload),
            "userName": self._tags["user"],
            "workspaceId": self._tags["orgId"],
        }
        self._extra = {"api_url": host, "notebook_path": self._values["notebookPath"] or ""}

    def tags(self) -> Tags:
        """Return the ids of the run and its user, by the names of Databricks' tags."""
        return Tags(self._tags)

    def extraContext(self) -> Tags:  # noqa: N802
        """Return the path of the notebook and the address of the workspace."""
        return Tags(self._extra)

    def toJson(self) -> str:  # noqa: N802
        """Return everything except the token."""
        run = {"id": int(self._tags["runId"])}
        return json.dumps({"currentRunId": run, "tags": self._tags, "extraContext": self._extra})

    def safeToJson(self) -> str:  # noqa: N802
        """Return everything except the token, in one mapping."""
        return json.dumps({"attributes": {**self._tags, **self._extra}})

    def to_namespace(self) -> types.SimpleNamespace:
        """Return the values as attributes, as ``dbruntime.databricks_repl_context`` has them."""
        host = self._values["browserHostName"]
        return types.SimpleNamespace(**self._values, clusterId=None, workspaceUrl=host)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda: Option(name, self._values.get(name))


class EntryPoint:
    """The object from which the calls to the context start; on Databricks, an object of Java."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._payload = payload

    def getDbutils(self) -> EntryPoint:  # noqa: N802
        return self

    def notebook(self) -> EntryPoint:
        return self

    def getContext(self) -> Context:  # noqa: N802
        return Context(self._payload)

    def getCurrentBindings(self) -> dict[str, str]:  # noqa: N802
        """Return the parameters of the notebook's run."""
        parameters = self._payload["parameters"]
        return dict(parameters) if isinstance(parameters, dict) else {}


def _notebook_path(payload: dict[str, Any]) -> str | None:
    if payload["kind"] != "notebook":
        return None
    return to_workspace_path(os.path.splitext(payload["path"])[0], payload["mounts"])
