"""Names, errors, columns and pages of the objects of Unity Catalog."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.api.catalog_objects import (
    already_exists,
    build_columns_query,
    does_not_exist,
    paginate,
    parse_name,
    serialize_object,
    split_columns,
)
from flask_lakeflow_jobs.local.api.pages import encode_token
from flask_lakeflow_jobs.local.api.request import Request
from flask_lakeflow_jobs.local.errors import ApiError


@pytest.mark.parametrize("name", ["main.default.my-table", "main.día.Größe_1"])
def test_name_is_split_into_its_parts(name: str) -> None:
    assert parse_name(name, 3) == tuple(name.split("."))


@pytest.mark.parametrize(
    "name",
    [
        *("main", "main.s", "main.s.t.u", "main..t", "main.s."),
        *("a b.s.t", "a/b.s.t", "a\\b.s.t", "`a`.s.t", "a.s.'", 'a.".t'),
        *("a.s.t\n", "a.s.\x00", "a.s.\ud800", f"a.s.{'é' * 121}"),
    ],
)
def test_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(ApiError, match=r"Use <catalog>\.<schema>\.<name>, without") as caught:
        parse_name(name, 3)
    assert (caught.value.status, caught.value.code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("name", "kind", "code", "message"),
    [
        (("a",), "", "CATALOG_DOES_NOT_EXIST", "Catalog 'a' does not exist."),
        (("a", "b"), "", "SCHEMA_DOES_NOT_EXIST", "Schema 'a.b' does not exist."),
        (("a", "b", "c"), "Table", "TABLE_DOES_NOT_EXIST", "Table 'a.b.c' does not exist."),
        (("a", "b", "c"), "Volume", "VOLUME_DOES_NOT_EXIST", "Volume 'a.b.c' does not exist."),
    ],
)
def test_error_names_what_is_missing(
    name: tuple[str, ...], kind: str, code: str, message: str
) -> None:
    error = does_not_exist(name, kind)
    assert (error.status, error.code, error.message) == (404, code, message)


def test_error_names_what_exists() -> None:
    error = already_exists(("a", "b"), "Schema")
    assert (error.status, error.code) == (400, "SCHEMA_ALREADY_EXISTS")
    assert error.message == "Schema 'b' already exists"


def test_object_names_its_places() -> None:
    named = serialize_object(("a", "b", "c"), "me", volume_type="MANAGED")
    places = {"catalog_name": "a", "schema_name": "b"}
    assert (
        named
        == {
            "name": "c",
            "full_name": "a.b.c",
            "owner": "me",
            "volume_type": "MANAGED",
        }
        | places
    )
    assert serialize_object(("a",), "me") == {"name": "a", "full_name": "a", "owner": "me"}


def test_columns_of_several_tables_come_in_one_query() -> None:
    assert build_columns_query([("a", "b", "c"), ("a", "b", "d")]) == (
        "SELECT 0 AS `lakeflow columns of 0`, t0.*, 0 AS `lakeflow columns of 1`, t1.* FROM "
        "(SELECT * FROM `a`.`b`.`c` LIMIT 0) AS t0 CROSS JOIN "
        "(SELECT * FROM `a`.`b`.`d` LIMIT 0) AS t1 LIMIT 0"
    )


def test_columns_are_split_by_table() -> None:
    types = ["INT", "STRUCT<A: INT, b: ARRAY<STRING>>", "INT", "DECIMAL(9,2)"]
    names = ["lakeflow columns of 0", "s", "lakeflow columns of 1", "Price"]
    described: list[dict[str, Any]] = [
        {"name": name, "position": position, "type_text": text}
        for position, (name, text) in enumerate(zip(names, types, strict=True))
    ]
    assert split_columns(described, 2) == [
        [
            {
                "name": "s",
                "position": 0,
                "type_text": "struct<A:int,b:array<string>>",
            }
        ],
        [{"name": "Price", "position": 0, "type_text": "decimal(9,2)"}],
    ]


@pytest.mark.parametrize(
    ("fields", "page", "following"),
    [
        ({}, "abc", 3),
        ({"max_results": "0"}, "abc", 3),
        ({"max_results": "9"}, "abc", 3),
        ({"max_results": 2}, "ab", 2),
        ({"max_results": 2, "page_token": encode_token([2])}, "cd", None),
        ({"page_token": encode_token([9])}, "", None),
    ],
)
def test_page_has_at_most_as_many_items_as_are_wanted(
    fields: dict[str, Any], page: str, following: int | None
) -> None:
    token = {} if following is None else {"next_page_token": encode_token([following])}
    assert paginate(Request("2.1", fields), list("abcd"), 3) == (list(page), token)


@pytest.mark.parametrize("fields", [{"max_results": -1}, {"page_token": "x"}])
def test_invalid_page_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        paginate(Request("2.1", fields), [], 3)
    assert caught.value.code == "INVALID_PARAMETER_VALUE"
