"""The local workspace: a Lakeflow Jobs service over HTTP that really runs the jobs of a bundle.

It knows nothing of the rest of the package; whoever wants it talks to it over HTTP, as to any
workspace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bundle.errors import BundleError
    from .bundle.load import Bundle, BundleJob, load_bundle
    from .clock import Clock, ManualClock, SystemClock
    from .daemon import Address, WorkspaceError, ensure_workspace, stop_workspace
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

_HOMES = {
    "bundle.errors": ("BundleError",),
    "bundle.load": ("Bundle", "BundleJob", "load_bundle"),
    "clock": ("Clock", "ManualClock", "SystemClock"),
    "daemon": ("Address", "WorkspaceError", "ensure_workspace", "stop_workspace"),
    "workspace": ("Workspace",),
}


def __getattr__(name: str) -> Any:
    # Lazy, so that reading a bundle needs nothing but PyYAML, and finding a workspace not even
    # that.
    from importlib import import_module

    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
