"""The run of a form as commands and code."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.cli.options import parse_param
from flask_lakeflow_jobs.console.snippets import build_snippets

URL = "https://app.example/api/jobs/etl/run"

names = st.text(st.characters(exclude_categories=["C"], exclude_characters="="), min_size=1)
texts = st.text(st.characters(exclude_categories=["C"]))


def texts_of(params: dict[str, Any], key: str = "etl") -> dict[str, str]:
    return {each.title: each.text for each in build_snippets(key, params, URL)}


@given(st.dictionaries(names, texts))
def test_command_is_read_by_a_shell_as_the_same_parameters(params: dict[str, str]) -> None:
    words = shlex.split(texts_of(params)["Command line"])
    assert words[:4] == ["flask", "jobs", "run", "etl"]
    assert dict(parse_param(word) for word in words[4:] if word != "-p") == params


@given(st.dictionaries(names, texts | st.booleans() | st.lists(texts)))
def test_curl_sends_the_same_parameters(params: dict[str, Any]) -> None:
    words = shlex.split(texts_of(params)["curl"].replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "POST", URL]
    assert json.loads(words[-1]) == {"params": params}


@pytest.mark.parametrize(
    ("params", "command"),
    [
        ({}, "flask jobs run etl"),
        ({"full": True, "n": 5}, "flask jobs run etl -p full=true -p n=5"),
        ({"args": ["a b", "c"]}, "flask jobs run etl -p 'args=a b' -p args=c"),
        ({"a": {"b": 1}}, """echo '{"a": {"b": 1}}' | flask jobs run etl --params-file -"""),
    ],
)
def test_command_of_values_that_are_no_text(params: dict[str, Any], command: str) -> None:
    assert texts_of(params)["Command line"] == command


def test_python_calls_the_handle() -> None:
    assert texts_of({"day": "1"})["Python"] == "current_jobs['etl'].run_now({'day': '1'})"
    assert texts_of({})["Python"] == "current_jobs['etl'].run_now()"
