"""The tag that simulates a job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_lakeflow_jobs.local.simulation import SimulationError, read_simulation


@pytest.mark.parametrize("settings", [{}, {"tags": None}, {"tags": {"other": "{}"}}])
def test_read_simulation_without_the_tag_is_none(settings: dict[str, Any]) -> None:
    assert read_simulation(settings) is None


@pytest.mark.parametrize(
    "simulation",
    [
        {},
        {"seconds": 0.5, "result": "FAILED", "output": 5, "error": "no rows", "values": {"n": 1}},
        {"seconds": [0, 1], "result": ["FAILED", "TIMEDOUT", "CANCELED", "SUCCESS"]},
        {"tasks": {"a": {"seconds": 3}}},
    ],
)
def test_read_simulation_returns_the_fields(simulation: dict[str, Any]) -> None:
    tags = {"local_simulation": json.dumps(simulation)}
    assert read_simulation({"tags": tags}) == simulation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "The tag 'local_simulation' is not valid JSON."),
        (5, "The tag 'local_simulation' is not valid JSON."),
        ("[" * 100_000, "The tag 'local_simulation' is not valid JSON."),
        ("[]", "The tag 'local_simulation' must hold a JSON object, and so must its 'tasks'."),
        ('{"tasks": []}', "The tag 'local_simulation' must hold a JSON object, and so"),
        ('{"minutes": 1}', "The fields of the tag 'local_simulation' are error, output, result,"),
        ('{"tasks": {"a": 5}}', "The fields of the tag 'local_simulation' are error, output,"),
        ('{"seconds": -1}', "The seconds of the tag 'local_simulation' must be a number or two"),
        ('{"seconds": [1, 2, 3]}', "The seconds of the tag 'local_simulation' must be a number"),
        ('{"seconds": 1e9}', "The seconds of the tag 'local_simulation' must be a number or two"),
        ('{"output": {"rows": 5}}', "The output of the tag 'local_simulation' must be text, not {"),
        ('{"error": null}', "The error of the tag 'local_simulation' must be text, not None."),
        ('{"values": [1]}', "The values of the tag 'local_simulation' must be an object, not [1]."),
        ('{"result": "GREAT"}', "The result of the tag 'local_simulation' must be one of SUCCESS,"),
        ('{"result": []}', "The result of the tag 'local_simulation' must be one of SUCCESS,"),
        ('{"tasks": {"a": {"result": ["X"]}}}', "The result of the tag 'local_simulation' must"),
    ],
)
def test_read_simulation_refuses_an_invalid_tag(text: Any, message: str) -> None:
    with pytest.raises(SimulationError) as caught:
        read_simulation({"tags": {"local_simulation": text}})
    assert str(caught.value).startswith(message)
