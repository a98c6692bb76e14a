"""From a path in the workspace to the file on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask_lakeflow_jobs.local.bundle import Bundle

_NOTEBOOK_ENDINGS = ("", ".py", ".ipynb")


class FileMissing(LookupError):
    """A task names a file that is not there."""


class WorkspaceFiles:
    """The files of the bundle under the paths at which the workspace shows them.

    :param bundle: gives the bundle as it is now.
    """

    def __init__(self, bundle: Callable[[], Bundle]) -> None:
        self._bundle = bundle

    @property
    def root(self) -> Path:
        """The folder of the bundle."""
        return self._bundle().root

    def find(self, given: str) -> Path:
        """The file at a path: of the workspace, of this machine, or relative to the bundle.

        :raises FileMissing: there is none.
        """
        return self._find(given, ("",))

    def find_notebook(self, given: str) -> Path:
        """The notebook at a path, which as in the workspace may lack its extension.

        :raises FileMissing: there is none.
        """
        return self._find(given, _NOTEBOOK_ENDINGS)

    def _find(self, given: str, endings: tuple[str, ...]) -> Path:
        bundle = self._bundle()
        name = given.removeprefix("file:")
        if name.startswith(bundle.files_path + "/"):
            base = bundle.root / name.removeprefix(bundle.files_path + "/")
        else:
            base = bundle.root / name
        for ending in endings:
            candidate = base.with_name(base.name + ending)
            if candidate.is_file():
                return candidate
        raise FileMissing(
            f"There is no file {given!r} in the local workspace. It serves the files of the "
            "bundle in "
            f"{bundle.root} under {bundle.files_path}."
        )
