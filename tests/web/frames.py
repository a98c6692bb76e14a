"""Calls with a frame on the stack that looks like a function of a server."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

T = TypeVar("T")


def call_from(module: str, function: str, owner: object, call: Callable[[], T]) -> T:
    """Call something from a method with this name, of this module and this object."""
    result: T = rename(_call, module, function)(owner, call)
    return result


def _call(self: object, call: Callable[[], Any]) -> Any:
    return call()


def rename(function: Any, module: str, name: str, **global_values: object) -> FunctionType:
    """Copy a function to another module, under another name."""
    code = function.__code__.replace(co_name=name)
    return FunctionType(code, {"__name__": module, **global_values})
