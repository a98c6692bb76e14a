"""Functions that python_operator_tasks call, and their arguments."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Any, Optional

import pytest

from flask_lakeflow_jobs.local.task_process.python_operator import (
    convert_arguments,
    convert_value,
    import_function,
)


class Color(Enum):
    RED = 1


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5", str, "5"),
        ("5", int, 5),
        ("5", float, 5.0),
        ("true", bool, True),
        ("false", bool, False),
        ("[1]", list, [1]),
        ('{"a": 1}', dict, {"a": 1}),
        ("RED", Color, Color.RED),
        ("5", int | None, 5),
        ("5", Optional[int], 5),  # noqa: UP045 (the other spelling of a union)
        ("x", Text, Text("x")),
    ],
)
def test_text_becomes_a_value_of_its_type(text: str, kind: Any, value: Any) -> None:
    converted = convert_value(text, kind)
    assert (converted, type(converted)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("x", int, "has to be of the type int, not 'x'."),
        ("True", bool, "has to be true or false, not 'True'."),
        ("{}", list, "has to be a list as JSON, not '{}'."),
        ("{", dict, "has to be a dict as JSON, not '{'."),
        ("1", Color, "has to be one of RED, not '1'."),
        ("1", set, "is of the type <class 'set'>, to which no text is converted"),
        ("1", int | str, "is of the type int | str, to which no text is converted"),
    ],
)
def test_text_of_another_type_is_refused(text: str, kind: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^(has|is) ") as caught:
        convert_value(text, kind)
    assert str(caught.value).startswith(message)


def send(day: str, count: int = 1, *rest: int, dry: bool = False) -> None: ...


def send_all(day, **more):  # type: ignore[no-untyped-def]
    ...


@pytest.mark.parametrize(
    ("function", "parameters", "arguments"),
    [
        (send, {"day": "mon"}, {"day": "mon"}),
        (send, {"day": "", "count": "", "dry": "true"}, {"day": "", "dry": True}),
        (send, {"day": "mon", "rest": "1", "other": "x"}, {"day": "mon"}),
        (send_all, {"day": "1", "more": "x", "n": "1"}, {"day": "1", "more": "x", "n": "1"}),
    ],
)
def test_arguments_are_those_that_the_function_takes(
    function: Any, parameters: dict[str, str], arguments: dict[str, Any]
) -> None:
    assert convert_arguments(function, "jobs.send", parameters) == arguments


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, " needs the parameter 'day'. Add it to the 'parameters'"),
        ({"day": "1", "count": "x"}, " has to be of the type int, not 'x'."),
    ],
)
def test_error_of_an_argument_names_the_place_of_the_function(
    parameters: dict[str, str], error: str
) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        convert_arguments(send, "jobs.send", parameters)
    place = f"jobs.send ({__file__}:{send.__code__.co_firstlineno})"
    assert f"{place}{error}" in str(caught.value)


@pytest.mark.parametrize(
    ("main", "message"),
    [
        ("nowhere.send", "There is no module 'nowhere' for the main 'nowhere.send'"),
        ("ops_jobs.gone", "has no function 'gone', which the python_operator_task names."),
        ("ops_jobs.Sensor", "ops_jobs.Sensor is a class, such as a sensor or an operator, which"),
        ("ops_jobs.LIMIT", "ops_jobs.LIMIT is no function, but of the type int."),
        ("ops_jobs.later", "jobs.py:4) is a coroutine, which nothing would await."),
        ("ops_broken.send", "No module named 'ops_missing'"),
        ("ops_decorated.send", "The code needs databricks-lakeflow-integrations, which takes"),
    ],
)
def test_main_that_is_no_plain_function_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, main: str, message: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "databricks.lakeflow", None)
    files = {
        "ops_jobs": "class Sensor: ...\nLIMIT = 5\n\nasync def later(): ...\n",
        "ops_broken": "import ops_missing\n",
        "ops_decorated": "import databricks.lakeflow.integrations\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
        sys.modules.pop(name, None)
    with pytest.raises((ImportError, TypeError)) as caught:
        import_function(main)
    assert message in str(caught.value)


def test_annotation_that_cannot_be_found_leaves_the_others() -> None:
    def function(n: int, ratio: float = 1.0, session: Missing = None) -> Missing:  # type: ignore[name-defined]  # noqa: F821
        pass

    converted = convert_arguments(function, "a.function", {"n": "3", "ratio": "0.5"})
    assert converted == {"n": 3, "ratio": 0.5}
    with pytest.raises(ValueError, match=r"'session' of .* is of the type .*Missing"):
        convert_arguments(function, "a.function", {"n": "3", "session": "x"})
