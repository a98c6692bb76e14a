"""Fields of requests, read as types."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.api.request import Request
from flask_lakeflow_jobs.local.errors import ApiError, InvalidParameterValue


def request(value: Any) -> Request:
    return Request("2.2", {"field": value})


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_read_int_accepts_numbers_and_their_text(number: int) -> None:
    assert request(number).read_int("field") == number
    assert request(str(number)).read_int("field") == number


@pytest.mark.parametrize("value", [2**63, -(2**63), 10**30, "9" * 19, "9" * 5000])
def test_read_int_out_of_range_is_malformed(value: Any) -> None:
    with pytest.raises(ApiError, match="field is out of range") as error:
        request(value).read_int("field")
    assert error.value.code == "MALFORMED_REQUEST"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((value, True) for value in (True, "true", "True")),
        *((value, False) for value in (None, False, "false", "False", "")),
    ],
)
def test_read_bool_accepts_booleans_and_their_text(value: Any, expected: bool) -> None:
    assert request(value).read_bool("field") is expected


def test_read_text_list_and_map_convert_scalars_to_text() -> None:
    assert request(["a", 1, 2.5, True]).read_text_list("field") == ["a", "1", "2.5", "true"]
    assert request({"a": 1, "b": False}).read_text_map("field") == {"a": "1", "b": "false"}


@pytest.mark.parametrize(
    "method", ["read_int", "read_text", "read_text_list", "read_text_map", "read_object"]
)
def test_missing_and_null_fields_are_none(method: str) -> None:
    assert getattr(request(None), method)("field") is None
    assert getattr(request(None), method)("other") is None


@pytest.mark.parametrize(
    ("method", "value"),
    [("require_int", None), *(("require_text", each) for each in (None, "", " "))],
)
def test_required_field_missing_is_refused(method: str, value: str | None) -> None:
    with pytest.raises(InvalidParameterValue, match=r"^Missing required field: field$"):
        getattr(request(value), method)("field")


@pytest.mark.parametrize(("value", "expected"), [("ON", "ON"), ("", ""), (None, "")])
def test_read_choice_returns_a_choice_or_nothing(value: str | None, expected: str) -> None:
    assert request(value).read_choice("field", ("ON", "OFF")) == expected


def test_read_choice_of_another_text_is_refused() -> None:
    with pytest.raises(InvalidParameterValue, match=r"^Unknown field 'on'. Use one of ON, OFF.$"):
        request("on").read_choice("field", ("ON", "OFF"))


@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        ("read_int", "1001abc", "Expected integer for field field, found STRING"),
        ("read_int", "٣", "Expected integer for field field, found STRING"),
        ("read_int", True, "Expected integer for field field, found BOOLEAN"),
        ("read_int", [], "Expected integer for field field, found ARRAY"),
        ("read_bool", 5, "Expected boolean for field field, found NUMBER"),
        ("read_text", 5, "Expected string for field field, found NUMBER"),
        ("read_text_list", {"a": 1}, "Expected array for field field, found OBJECT"),
        ("read_text_list", [None], "Expected string for field field, found NULL"),
        ("read_text_map", "x", "Expected object for field field, found STRING"),
        ("read_text_map", {"a": None}, "Expected string for field field.a, found NULL"),
        ("read_object", [], "Expected object for field field, found ARRAY"),
    ],
)
def test_field_of_another_type_is_malformed(method: str, value: Any, message: str) -> None:
    with pytest.raises(ApiError) as error:
        getattr(request(value), method)("field")
    assert (error.value.status, error.value.code) == (400, "MALFORMED_REQUEST")
    assert error.value.message == f"Could not parse request object: {message}"
