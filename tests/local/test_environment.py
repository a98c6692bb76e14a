"""The environment of processes that run the user's code."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.environment import read_environment


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("no_proxy", "", "127.0.0.1,localhost"),
        ("no_proxy", "example.com", "example.com,127.0.0.1,localhost"),
        ("NO_PROXY", "example.com", "example.com,127.0.0.1,localhost"),
        ("no_proxy", "*", "*"),
    ],
)
def test_tasks_reach_the_workspace_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    for each in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, value)
    environment = read_environment()
    assert (environment["no_proxy"], environment["NO_PROXY"]) == (expected, expected)
