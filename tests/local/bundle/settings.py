"""Settings of jobs and tasks."""

from __future__ import annotations

from typing import Any

NOTEBOOK = {"notebook_path": "/x"}


def task(key: str = "a", **fields: Any) -> dict[str, Any]:
    """Return a task, of a notebook unless it has another kind."""
    kind = {} if any(name.endswith("_task") for name in fields) else {"notebook_task": NOTEBOOK}
    return {"task_key": key, **kind, **fields}


def job(*tasks: Any, **fields: Any) -> dict[str, Any]:
    return {"tasks": list(tasks) or [task()], **fields}


def after(*keys: str) -> list[dict[str, str]]:
    return [{"task_key": key} for key in keys]


def loop(inner: Any, **fields: Any) -> dict[str, Any]:
    return {"for_each_task": {"inputs": "[]", "task": inner, **fields}}


def condition(**fields: Any) -> dict[str, Any]:
    return {"condition_task": {"op": "EQUAL_TO", "left": "a", "right": "b", **fields}}
