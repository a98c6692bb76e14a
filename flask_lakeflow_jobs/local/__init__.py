"""A local workspace: serves the Jobs API over HTTP and runs the jobs of a bundle.

It is independent of the rest of the package, which talks to it over HTTP like to any workspace.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .background import ensure_workspace, stop_workspace
    from .bundle.bundle_error import BundleError
    from .bundle.load import Bundle, BundleJob, load_bundle
    from .clock import Clock, ManualClock, SystemClock
    from .folder import Address, WorkspaceError
    from .workspace import Workspace

__all__ = [
    "Address",
    "Bundle",
    "BundleError",
    "BundleJob",
    "Clock",
    "ManualClock",
    "SystemClock",
    "Workspace",
    "WorkspaceError",
    "ensure_workspace",
    "load_bundle",
    "stop_workspace",
]

#: The modules of these names. Those that import the least come first.
_MODULES = ("folder", "background", "clock", "bundle.bundle_error", "bundle.load", "workspace")


def __getattr__(name: str) -> Any:
    # Lazy: the app's own process reads bundles and finds workspaces, and needs no more.
    try:
        for module in _MODULES if name in __all__ else ():
            if hasattr(found := import_module(f"{__name__}.{module}"), name):
                return getattr(found, name)
    except ModuleNotFoundError as error:
        # Python 3.15 appends a question to the name of a module.
        message = f"Install the local workspace: pip install 'flask-lakeflow-jobs[local]'. {error}"
        raise ModuleNotFoundError(message, name=error.name) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
