"""Advice on an error of a task: what to do about what the local workspace does not have."""

from __future__ import annotations

import os
import re
import shlex
import sys

from .paths import VOLUMES
from .project_metadata import normalize_name
from .spark.session import INSTALL_ADVICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SAIL_REFUSED = (
    "Sail, which runs Spark in the local workspace, refused this. Use a pyspark of your own (pip "
    "uninstall pysail pyspark-client && pip install pyspark), or simulate the job (tag "
    "'local_simulation')."
)
# Errors of pyspark that may be about what Sail lacks. The others are about data and arguments.
_REFUSALS = (
    *("AnalysisException", "IllegalArgumentException", "ParseException"),
    *("PySparkAttributeError", "PySparkNotImplementedError", "SparkConnectException"),
    *("SparkConnectGrpcException", "UnsupportedOperationException"),
)
_MISSING_COLUMN = "cannot resolve attribute"
# What to do, by what an error of Spark says about a name.
_NAMES = {
    r"Table or view not found: ([^\s,]+)": ("There is no table {}. Create it in an earlier task."),
    r"(?:Catalog|Database) not found: ([\w-]+)": (
        "There is no catalog or schema {0}. Create the schema first. If {0} is a catalog, put it "
        "into a variable or parameter whose name contains 'catalog': Sail must know its catalogs "
        "when it starts."
    ),
}
# Modules that only Databricks has, and what they are a part of.
_PRODUCTS = {
    "databricks.automl": "AutoML",
    "databricks.feature_engineering": "feature store",
    "databricks.feature_store": "feature store",
    "dlt": "pipelines",
}
_SETTING = "LAKEFLOW_JOBS_LOCAL_INSTALL = True (without an app, pass --install)"


def advise(
    error: BaseException,
    requirements: Sequence[str],
    missing_libraries: Sequence[str],
    *,
    installs: bool,
    mounts: Mapping[str, str],
) -> str | None:
    """Return what to do about an error; ``None`` if it says so itself.

    :param requirements: the packages that the task lists.
    :param missing_libraries: the wheels and projects among them that do not exist.
    :param installs: whether the workspace installs these packages.
    :param mounts: folders of this machine by their paths in the workspace.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _advise_on_module(error.name, requirements, missing_libraries, installs=installs)
    if isinstance(error, FileNotFoundError):
        return _advise_on_file(str(error.filename or error), mounts)
    if type(error).__module__.startswith("pyspark.") and "LAKEFLOW_LOCAL_SPARK" in os.environ:
        return _advise_on_spark(type(error).__name__, str(error))
    return None


def _advise_on_spark(kind: str, text: str) -> str | None:
    for pattern, advice in _NAMES.items():
        if match := re.search(pattern, text):
            return advice.format(match[1])
    return _SAIL_REFUSED if kind in _REFUSALS and _MISSING_COLUMN not in text else None


def _advise_on_file(text: str, mounts: Mapping[str, str]) -> str | None:
    match = re.search(rf"{VOLUMES}/([\w-]+)[^\s'\"]*", text)
    if match is None:
        return None
    folder = f"{mounts.get(VOLUMES, '')}/{match[1]}"
    return (
        f"There is no {match[0]}. Pass it as a parameter, or link it once: sudo mkdir -p {VOLUMES} "
        f"&& sudo ln -s {shlex.quote(folder)} {VOLUMES}/{match[1]}"
    )


def _advise_on_module(
    module: str, requirements: Sequence[str], missing_libraries: Sequence[str], *, installs: bool
) -> str:
    top = module.partition(".")[0]
    product = _PRODUCTS.get(".".join(module.split(".")[:2])) or _PRODUCTS.get(module)
    if product:
        return f"The local workspace has no {product}. Simulate the job (tag 'local_simulation')."
    if top == "pyspark":
        return INSTALL_ADVICE if module == "pyspark" else _SAIL_REFUSED
    if missing_libraries:
        return (
            f"The task needs the module {module}, and lists {', '.join(missing_libraries)}, which "
            "does not exist. Build it or copy it there."
        )
    if installs:
        return f"The task needs the module {module}. List its package in the task's environment."
    for requirement in requirements:
        if normalize_name(requirement) == normalize_name(top):
            return (
                f"The task needs {module}, which its environment lists: {requirement}. Set "
                f"{_SETTING} to let the local workspace install the packages of tasks, or install "
                f"it: pip install {shlex.quote(requirement)}."
            )
    return (
        f"The task needs the module {module}, which {sys.prefix} does not have. Install it there, "
        f"or list its package in the task's environment and set {_SETTING}."
    )
