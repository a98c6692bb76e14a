"""Calls of functions in the text of SQL."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.task_process.function_calls import (
    FunctionCall,
    read_arguments,
    replace_calls,
)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("f(a, 'b, (' , g(c, [d, e]) ) + 1", ["a", "'b, ('", "g(c, [d, e])"]),
        ("f(a[1, 2] -- ,\n)", ["a[1, 2] -- ,"]),
        ("f(a, (b", None),
    ],
)
def test_arguments_of_a_call(call: str, arguments: list[str] | None) -> None:
    found = read_arguments(call, 2)
    assert (found and found[0]) == arguments
    assert found is None or call[found[1] - 1] == ")"


def write_again(call: FunctionCall) -> str | None:
    stream = "stream " if call.is_stream else ""
    return None if call.name == "g" else f"{stream}{call.name}<{'|'.join(call.arguments)}>"


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("SELECT F(a, (b)) + f()", "SELECT f<a|(b)> + f<>"),
        ("STREAM (f(a))", "STREAM (stream f<a>)"),
        ("g(f(a), b)", "g(f<a>, b)"),
        ("f(f(a))", "f<f(a)>"),
        *((text, text) for text in ("'f(a)'", "t.f(a)", "`f(a)`", "-- f(a)", "of(a)", "f(a")),
    ],
)
def test_replace_calls(text: str, replaced: str) -> None:
    assert replace_calls(text, ["f", "g"], write_again) == replaced


def test_replace_calls_without_an_end_that_they_need() -> None:
    with pytest.raises(ValueError, match=r"The call of f has no '\)' at its end"):
        replace_calls("SELECT f(a", ["f"], write_again, must_end=True)
