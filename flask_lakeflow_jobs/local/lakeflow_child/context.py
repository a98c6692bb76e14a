"""What code may ask about where it runs, by
``dbutils.notebook.entry_point.getDbutils().notebook().getContext()``.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Option:
    """A value that may be missing, as Scala has it.

    :param name: of what it is the value.
    """

    def __init__(self, name: str, value: str | None) -> None:
        self._name = name
        self._value = value

    def get(self) -> str:
        """The value.

        :raises LookupError: it is missing.
        """
        if self._value is None:
            raise LookupError(f"The context has no {self._name} in the local workspace.")
        return self._value

    def getOrElse(self, default: Any) -> Any:  # noqa: N802 (its name on Databricks)
        """The value, or another one where it is missing."""
        return default if self._value is None else self._value

    def isDefined(self) -> bool:  # noqa: N802
        """Whether there is a value."""
        return self._value is not None

    def isEmpty(self) -> bool:  # noqa: N802
        """Whether there is none."""
        return self._value is None

    def toString(self) -> str:  # noqa: N802
        """As Scala shows it."""
        return "None" if self._value is None else f"Some({self._value})"

    __repr__ = toString


class Details:
    """Values by name, as a map of Scala's."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def get(self, name: str) -> Option:
        """A value that may be missing."""
        return Option(repr(name), self._values.get(name))

    def apply(self, name: str) -> str:
        """A value that has to be there."""
        return self.get(name).get()

    def contains(self, name: str) -> bool:
        """Whether there is such a value."""
        return name in self._values


class Context:
    """Where a notebook runs: each of its details is an option.

    :param payload: the task payload.
    """

    def __init__(self, payload: dict[str, Any]) -> None:
        run = payload["run"]
        self._tags = {name: str(value) for name, value in run.items()}
        self._values = {
            "apiToken": os.environ.get("DATABRICKS_TOKEN"),
            "apiUrl": (host := os.environ.get("DATABRICKS_HOST", "")),
            "browserHostName": host.rpartition("/")[2],
            "currentRunId": self._tags["runId"],
            "jobId": self._tags["jobId"],
            "notebookPath": _notebook_path(payload),
            "userName": self._tags["user"],
            "workspaceId": self._tags["orgId"],
        }
        self._extra = {"api_url": host}
        if path := self._values["notebookPath"]:
            self._extra["notebook_path"] = path

    def tags(self) -> Details:
        """What the run is called, and by whom it was started."""
        return Details(self._tags)

    def extraContext(self) -> Details:  # noqa: N802
        """Where the notebook and the workspace are."""
        return Details(self._extra)

    def toJson(self) -> str:  # noqa: N802
        """All of it, but for the token."""
        return json.dumps(
            {
                "currentRunId": {"id": int(self._tags["runId"])},
                "tags": self._tags,
                "extraContext": self._extra,
            }
        )

    def safeToJson(self) -> str:  # noqa: N802
        """The same in one mapping."""
        return json.dumps({"attributes": {**self._tags, **self._extra}})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda: Option(name, self._values.get(name))


class EntryPoint:
    """The way to the context; Python's ``dbutils`` has it by way of Java's."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._payload = payload

    def getDbutils(self) -> EntryPoint:  # noqa: N802
        """Java's ``dbutils``."""
        return self

    def notebook(self) -> EntryPoint:
        """Its part about notebooks."""
        return self

    def getContext(self) -> Context:  # noqa: N802
        """Where the notebook runs."""
        return Context(self._payload)


def _notebook_path(payload: dict[str, Any]) -> str | None:
    """As the workspace shows it: without ``/Workspace``, and without the file's ending."""
    if payload["kind"] != "notebook":
        return None
    path: str = os.path.splitext(payload["path"])[0]
    mount: str
    for mount, folder in payload["mounts"].items():
        if path.startswith(folder + "/"):
            return mount.removeprefix("/Workspace") + path[len(folder) :]
    return path
