"""A local workspace: serves the Jobs API over HTTP and runs the jobs of a bundle.

It is independent of the rest of the package, which talks to it over HTTP like to any workspace.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundle.bundle_error import BundleError
    from .bundle.load import Bundle, BundleJob, load_bundle
    from .clock import Clock, ManualClock, SystemClock
    from .daemon import ensure_workspace, stop_workspace
    from .home import Address, WorkspaceError
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

_MODULES = {
    "bundle.bundle_error": ("BundleError",),
    "bundle.load": ("Bundle", "BundleJob", "load_bundle"),
    "clock": ("Clock", "ManualClock", "SystemClock"),
    "daemon": ("ensure_workspace", "stop_workspace"),
    "home": ("Address", "WorkspaceError"),
    "workspace": ("Workspace",),
}


def __getattr__(name: str) -> Any:
    # Lazy: reading a bundle requires only PyYAML, and finding a workspace not even that.
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
