"""Names, fields and pages of the objects of Unity Catalog. Pure.

Source: databricks-sdk, ``service/catalog.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import ApiError, InvalidParameterValue
from ..files.volume_folder import MAX_NAME_BYTES
from .pages import encode_token, parse_token
from .request import Request
from .serializers import Json

#: Catalog, schema and name, as far as an object has them.
Name = tuple[str, ...]

_OF_NAME = {"catalog_name", "full_name", "name", "new_name", "schema_name"}
_KINDS = ("", "Catalog", "Schema")
# Databricks takes quotes. Without them, a name can stand in a statement.
_INVALID = re.compile(r"[\s/\\`'\"\x00-\x1f\x7f\ud800-\udfff]")
_TYPE = re.compile(r"\b[A-Z_]+\b(?!:)")


def parse_name(text: str, length: int) -> Name:
    """Split a full name.

    :param length: the number of its parts.
    :raises ApiError: it has other parts, or one that is no name.
    """
    parts = text.split(".")
    is_valid = len(parts) == length and all(parts) and not _INVALID.search(text)
    if not is_valid or any(len(each.encode()) > MAX_NAME_BYTES for each in parts):
        form = ".".join(("<catalog>", "<schema>", "<name>")[:length])
        raise InvalidParameterValue(
            f"{text!r} is not a valid name. Use {form}, without spaces, slashes and quotes."
        )
    return tuple(parts)


def read_object_details(request: Request) -> Json:
    """Return what a request has about an object besides its name, such as its comment.

    :raises ApiError: a field has the wrong type.
    """
    for field in ("comment", "owner"):
        request.read_text(field)
    details = {key: value for key, value in request.fields.items() if key not in _OF_NAME}
    if (properties := request.read_text_map("properties")) is not None:
        details["properties"] = properties
    return details


def does_not_exist(name: Name, kind: str = "") -> ApiError:
    """Return the error for an object that is missing.

    :param kind: that of an object in a schema.
    """
    kind = kind or _KINDS[len(name)]
    message = f"{kind} '{'.'.join(name)}' does not exist."
    return ApiError(404, f"{kind.upper()}_DOES_NOT_EXIST", message)


def already_exists(name: Name, kind: str) -> ApiError:
    return ApiError(400, f"{kind.upper()}_ALREADY_EXISTS", f"{kind} '{name[-1]}' already exists")


def serialize_object(name: Name, owner: str, **fields: object) -> Json:
    """Return the fields of a catalog, a schema, a table or a volume."""
    places = dict(zip(("catalog_name", "schema_name"), name[:-1], strict=False))
    return {"name": name[-1], **places, "full_name": ".".join(name), "owner": owner, **fields}


def name_of_object(fields: Json) -> Name:
    """Return the name of an object, from its fields."""
    return tuple(fields["full_name"].split("."))


def build_columns_query(tables: Sequence[Name]) -> str:
    """Return a query without rows that has the columns of all tables, each after a mark."""
    columns = ", ".join(f"0 AS `{_mark(index)}`, t{index}.*" for index in range(len(tables)))
    sources = " CROSS JOIN ".join(
        f"(SELECT * FROM {quote_object(name)} LIMIT 0) AS t{index}"  # noqa: S608 (quoted)
        for index, name in enumerate(tables)
    )
    return f"SELECT {columns} FROM {sources} LIMIT 0"  # noqa: S608 (quoted)


def split_columns(described: Sequence[Json], count: int) -> list[list[Json]]:
    """Return the columns of each table, from those of the query for all of them."""
    names = [column["name"] for column in described]
    starts = [names.index(_mark(index)) for index in range(count)]
    return [
        [
            {**column, "position": position, "type_text": _spell_type(column["type_text"])}
            for position, column in enumerate(described[start + 1 : end])
        ]
        for start, end in zip(starts, [*starts[1:], len(names)], strict=True)
    ]


def build_information_query(schema: Name, kind: str, *columns: str) -> str:
    """Return a query for the tables of a schema, or for their columns.

    :param kind: ``tables`` or ``columns``.
    """
    return (
        f"SELECT table_name, {', '.join(columns)} FROM "  # noqa: S608 (checked)
        f"`{schema[0]}`.information_schema.{kind} WHERE lower(table_schema) = '{schema[1]}'"
    )


def quote_object(name: Name) -> str:
    """Return a name as SQL has it."""
    return ".".join(f"`{part}`" for part in name)


def paginate(request: Request, items: list[str], size: int) -> tuple[list[str], Json]:
    """Return the items of a page, and the field that leads to the next one.

    :param size: the number of items of the largest page.
    :raises ApiError: the token or the number of results is invalid.
    """
    wanted = request.read_int("max_results") or size
    if wanted < 0:
        raise InvalidParameterValue("max_results must not be negative.")
    start = parse_token(request)
    end = start + min(wanted, size)
    following = {"next_page_token": encode_token([end])} if end < len(items) else {}
    return items[start:end], following


def _mark(index: int) -> str:
    return f"lakeflow columns of {index}"


def _spell_type(text: str) -> str:
    """Return a type as tables have it, such as ``struct<a:int>``."""
    short = text.replace(": ", ":").replace(", ", ",")
    return _TYPE.sub(lambda match: match[0].lower(), short)
