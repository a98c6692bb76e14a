"""Jobs that a bundle's Python code defines or changes: its section ``python``.

The official package ``databricks-bundles`` runs the code, in a process of its own, as it does for
the CLI (its ``mutator/python``).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..environment import read_environment
from ..subprocesses import PYTHON, run_program
from .bundle_error import BundleError, Location
from .merge import read_section
from .yaml import LocatedDict, LocatedList

_TIME_LIMIT_SECONDS = 60
_MAX_ERROR_BYTES = 64 * 1024
_MODULE = "databricks.bundles.build"
_FRAME = re.compile(r'^ *File "([^"]+)", line (\d+)', re.MULTILINE)
# Python finds the modules of a bundle in its folder, and those of its own package often below src.
_SOURCE_FOLDERS = ("", "src")
_ADVICE = "Install it: pip install 'flask-lakeflow-jobs[bundles]'"


class PackageMissing(BundleError):
    """The Python code of a bundle needs a package that is not installed."""


@dataclass(frozen=True, slots=True)
class PythonCode:
    """The Python code of a bundle.

    :param root: the bundle's folder.
    :param section: the section that names the code.
    """

    root: Path
    section: LocatedDict
    location: Location

    def run(self, phase: str, document: dict[str, Any]) -> LocatedDict:
        """Run the code, and return the resources of its output, by kind.

        :param phase: ``load_resources`` or ``apply_mutators``.
        :param document: the bundle so far.
        :raises PackageMissing: databricks-bundles is not installed.
        :raises BundleError: the code failed.
        """
        with tempfile.TemporaryDirectory(prefix="lakeflow-") as name:
            folder = Path(name)
            # as the CLI does: databricks-bundles before 0.268 reads the section only there
            experimental = {**(document.get("experimental") or {}), "python": self.section}
            text = json.dumps({**document, "experimental": experimental})
            (folder / "input.json").write_text(text, encoding="utf-8")
            exit_code, errors = self._run(phase, folder)
            for each in _read_lines(folder / "diagnostics.json"):
                if each.get("severity") == "error":
                    raise self._describe(each)
            if exit_code != 0:
                raise self._explain(errors)
            locations = {
                each["path"]: self._locate(each) for each in _read_lines(folder / "locations.json")
            }
            output = json.loads((folder / "output.json").read_text(encoding="utf-8"))
        resources: LocatedDict = _with_location(output.get("resources") or {}, self.location)
        for kind, members in resources.items():
            for key, each in members.items():
                location = locations.get(f"resources.{kind}.{key}") or self.location
                members[key] = _with_location(each, location)
                members.locations[key] = location
        return resources

    def find_sources(self) -> Iterator[Path]:
        """Yield the files and folders that may hold the code."""
        for folder in map(self.root.joinpath, _SOURCE_FOLDERS):
            yield from folder.glob("*.py")
            for name in dict.fromkeys(each.partition(".")[0] for each in self._modules()):
                yield folder / f"{name}.py"
                yield folder / name
                yield from (folder / name).rglob("*")

    def _modules(self) -> list[str]:
        names = [*(self.section.get("resources") or ()), *(self.section.get("mutators") or ())]
        return list(dict.fromkeys(str(each).partition(":")[0] for each in names))

    def _run(self, phase: str, folder: Path) -> tuple[int, str]:
        """Run the code; return its exit code and the end of what it wrote to stderr."""
        python = self._find_interpreter()
        options = [
            f"--{name}={folder / name}.json"
            for name in ("input", "output", "diagnostics", "locations")
        ]
        try:
            with open(folder / "stderr", "w+b") as errors:
                exit_code = run_program(
                    [python, "-m", _MODULE, "--phase", phase, *options],
                    _TIME_LIMIT_SECONDS,
                    cwd=self.root,
                    env=self._build_environment(),
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                )
                errors.seek(max(0, errors.seek(0, os.SEEK_END) - _MAX_ERROR_BYTES))
                return exit_code, errors.read().decode(errors="replace")
        except subprocess.TimeoutExpired:
            raise BundleError(
                f"The Python code of the bundle ran for more than {_TIME_LIMIT_SECONDS} seconds. "
                "Let it only define jobs.",
                self.location,
            ) from None
        except OSError as error:
            raise BundleError(f"{python} does not start: {error}.", self.location) from None

    def _build_environment(self) -> dict[str, str]:
        """Return the environment of the code, which imports the bundle's own package too.

        An environment that ``venv_path`` names usually has it installed.
        """
        environment = read_environment()
        folders = [str(self.root / name) for name in _SOURCE_FOLDERS]
        paths = [environment.get("PYTHONPATH", ""), *folders]
        return {
            **environment,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",  # a new file in a folder means changed code
        }

    def _find_interpreter(self) -> str:
        venv = self.section.get("venv_path")
        if isinstance(venv, str) and (python := self.root / venv / "bin/python").is_file():
            return str(python)
        if not _has_package():
            raise self._missing(sys.prefix, _ADVICE)
        return PYTHON

    def _missing(self, place: str, advice: str) -> PackageMissing:
        return PackageMissing(
            f"The bundle defines jobs in Python, which needs the package databricks-bundles. It is "
            f"not in {place}. {advice}.",
            self.location,
        )

    def _explain(self, stderr: str) -> BundleError:
        if "No module named 'databricks" in stderr or f"for {_MODULE!r}" in stderr:
            if (python := self._find_interpreter()) == PYTHON:
                return self._missing(sys.prefix, _ADVICE)
            return self._missing(
                str(self.section["venv_path"]),
                f"Install it there: uv pip install --python {python} databricks-bundles",
            )
        last = stderr.strip().rpartition("\n")[2] or "it ended without a message"
        return BundleError(f"The Python code of the bundle failed: {last}.", self.location)

    def _describe(self, diagnostic: dict[str, Any]) -> BundleError:
        detail = str(diagnostic.get("detail") or "")
        message = f"{diagnostic.get('summary', 'The Python code of the bundle failed')}"
        if cause := _find_cause(detail):
            message += f": {cause}"
        missing = re.search(r"No module named '(\w+)", cause)
        if missing and missing[1] not in {name.partition(".")[0] for name in self._modules()}:
            python = self._find_interpreter()
            message += f". Install it in {python}"
            if (venv := self.section.get("venv_path")) and python == PYTHON:
                message += f", or create the environment that 'venv_path' names: {venv}"
        location = self._find_frame(detail) or self._locate(diagnostic.get("location") or {})
        return BundleError(f"{message.rstrip('.')}.", location or self.location)

    def _find_frame(self, trace: str) -> Location | None:
        """Return the innermost frame of a trace in the bundle's files."""
        for file, line in reversed(_FRAME.findall(trace)):
            path = Path(file)
            if path.is_relative_to(self.root) and "site-packages" not in path.parts:
                return path, int(line)
        return None

    def _locate(self, location: dict[str, Any]) -> Location | None:
        if not isinstance(file := location.get("file"), str):
            return None
        return self.root / file, int(location.get("line") or 0)


def find_python_code(tree: LocatedDict, root: Path) -> PythonCode | None:
    """Return the Python code that a bundle names, if any.

    :param tree: the bundle, merged with its target, references replaced.
    :raises BundleError: it names code in two sections.
    """
    section, former = read_section(tree, "python"), read_section(tree, "experimental")
    experimental = read_section(former, "python")
    if section and experimental and section != experimental:
        raise BundleError(
            "The bundle has 'python' and 'experimental.python'. Leave only 'python'.",
            former.locations["python"],
        )
    used = section or experimental
    if not used.get("resources") and not used.get("mutators"):
        return None
    for key in ("resources", "mutators"):
        if not isinstance(used.get(key) or [], list):
            message = f"{key!r} has to be a list of functions, such as 'my_jobs:load_resources'."
            raise BundleError(message, used.locations[key])
    return PythonCode(root, used, (tree if section else former).locations["python"])


def keep_locations(former: Any, changed: Any) -> Any:
    """Return a changed value in which everything that is as before keeps its location.

    The paths in it start at the folder of the file that has them.
    """
    if former == changed:
        return former
    keys: Iterable[Any] = ()
    if isinstance(former, LocatedDict) and isinstance(changed, LocatedDict):
        keys = former.locations.keys() & changed.keys()
    elif isinstance(former, LocatedList) and isinstance(changed, LocatedList):
        keys = range(min(len(former), len(changed)))
    for key in keys:
        changed[key] = keep_locations(former[key], changed[key])
        if former[key] == changed[key]:
            changed.locations[key] = former.locations[key]
    return changed


def _has_package() -> bool:
    try:
        return find_spec("databricks.bundles") is not None
    except ModuleNotFoundError:
        return False


def _find_cause(trace: str) -> str:
    """Return the last line of a trace that tells the error, which may have no text."""
    lines = [line for line in trace.splitlines() if re.match(r"\w[\w.]*(:|$)", line)]
    lines = [line for line in lines if ":" in line] or lines
    return lines[-1].strip() if lines else ""


def _read_lines(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _with_location(value: Any, location: Location) -> Any:
    if isinstance(value, dict):
        mapping = {key: _with_location(each, location) for key, each in value.items()}
        return LocatedDict(mapping, dict.fromkeys(mapping, location))
    if isinstance(value, list):
        items = (_with_location(each, location) for each in value)
        return LocatedList(items, [location] * len(value))
    return value
