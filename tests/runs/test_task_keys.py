"""Keys of tasks, checked by the job."""

from __future__ import annotations

import re

import pytest

from flask_lakeflow_jobs import InvalidParameters
from flask_lakeflow_jobs.runs.task_keys import choose_task_keys, validate_task_keys


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(None, None), ("load", ["load"]), (("read", "load"), ["read", "load"])],
)
def test_choose_task_keys_is_a_list(
    keys: str | tuple[str, ...] | None, expected: list[str] | None
) -> None:
    assert choose_task_keys(keys, "only") == expected


@pytest.mark.parametrize("name", ["read", "+read", "load+", "+load+"])
def test_validate_task_keys_accepts_keys_of_the_job(name: str) -> None:
    validate_task_keys([name], ["read", "load"], "etl")


@pytest.mark.parametrize(
    ("only", "tasks", "expected"),
    [
        (
            ["rad", "+load"],
            ["read", "load"],
            "no task 'rad'. Did you mean 'read'? Its tasks: read, load.",
        ),
        (["re+ad"], ["read"], "no task 're+ad'. Did you mean 'read'? Its tasks: read."),
        (["read", "load"], [], "no task 'read', 'load'. Its tasks: none."),
    ],
)
def test_validate_task_keys_names_unknown_keys(
    only: list[str], tasks: list[str], expected: str
) -> None:
    with pytest.raises(
        InvalidParameters, match=re.escape(f"The job 'etl' has {expected}")
    ) as raised:
        validate_task_keys(only, tasks, "etl")
    assert set(raised.value.messages) == {"only"}
