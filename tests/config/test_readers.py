"""Reading single settings."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs import ConfigurationError
from flask_lakeflow_jobs.config.keys import Key
from flask_lakeflow_jobs.config.readers import (
    MAX_SECONDS,
    SettingsReader,
    parse_bool,
    parse_mapping,
    parse_parameter_name,
    parse_path_prefix,
    parse_seconds,
)


@pytest.mark.parametrize(
    ("config", "environ", "value"),
    [
        ({}, {}, None),
        ({"KEY": 1}, {}, 1),
        ({}, {"KEY": "2"}, "2"),
        ({"KEY": 1}, {"KEY": "2"}, 1),
        ({"KEY": None}, {"KEY": "2"}, "2"),
        ({"KEY": ""}, {"KEY": "2"}, ""),
        ({"KEY": False}, {"KEY": "2"}, False),
    ],
)
def test_get_prefers_app_config_unless_it_is_none(
    config: dict[str, Any], environ: dict[str, str], value: object
) -> None:
    assert SettingsReader(config, environ).get("KEY") == value


@pytest.mark.parametrize(("value", "is_set"), [(None, False), ("", False), (0, True), ([], True)])
def test_read_returns_the_default_for_none_and_empty_text(value: object, is_set: bool) -> None:
    reader = SettingsReader({"KEY": value}, {})
    parsed = reader.read(Key("KEY", "default", ""), lambda name, value: [name, value])
    assert parsed == (["KEY", value] if is_set else "default")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, True) for text in ("true", "True", " yes ", "1", True, 1)),
        *((text, False) for text in ("false", "NO", "0", False, 0)),
    ],
)
def test_parse_bool_accepts_words_and_numbers(text: object, value: bool) -> None:
    assert parse_bool("KEY", text) is value


@pytest.mark.parametrize("value", ["", "two words", "a/b", "ü", 7, ["a"]])
def test_parse_parameter_name_with_other_characters_raises(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^KEY must be the name of a job parameter"):
        parse_parameter_name("KEY", value)


@given(st.floats(min_value=0.0, max_value=MAX_SECONDS))
def test_parse_seconds_accepts_numbers_within_bounds(number: float) -> None:
    assert parse_seconds("KEY", repr(number), minimum=number) == number
    assert parse_seconds("KEY", number, minimum=math.nextafter(number, -math.inf)) == number
    with pytest.raises(ConfigurationError, match="must be a number of at least"):
        parse_seconds("KEY", number, minimum=math.nextafter(number, math.inf))


def test_parse_seconds_without_minimum_accepts_numbers_above_zero() -> None:
    assert parse_seconds("KEY", math.ulp(0.0)) == math.ulp(0.0)
    with pytest.raises(ConfigurationError, match=r"must be a number above 0 and at most 2000000,"):
        parse_seconds("KEY", 0)


@pytest.mark.parametrize("value", [True, None, "soon", "nan", "inf", [], 10**400, 2_000_001])
def test_parse_seconds_of_other_values_raises(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^KEY must be a number"):
        parse_seconds("KEY", value, minimum=0.0)


@pytest.mark.parametrize("path", ["/jobs", "/a/b.c/~d-e", "/.well/a..b"])
def test_parse_path_prefix_returns_a_path(path: str) -> None:
    assert parse_path_prefix("KEY", path) == path


@pytest.mark.parametrize(
    "path", ["", "jobs", "/", "/jobs/", "//", "/a b", "/<x>", "/..", "/a/../b", "/./a", None, 5]
)
def test_parse_path_prefix_of_other_values_raises(path: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^KEY must be a path"):
        parse_path_prefix("KEY", path)


@pytest.mark.parametrize("text", ["redis://:hunter2@cache:6379/0", "RedisCache", '["a"]'])
def test_parse_mapping_of_other_text_says_what_to_write(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_mapping("KEY", text)
    assert str(caught.value).endswith(
        'KEY must be a mapping. As text, write JSON: {"name": "value"}.'
    )
    assert "hunter2" not in str(caught.value)
