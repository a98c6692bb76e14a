"""The column ``_metadata`` in requests to Sail, which lacks it.

Frames know too late that they need the column, so the requests that name it are changed.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from ..language.connect_plans import find_messages
from .data_files import is_file_format, list_all_files
from .file_sources import METADATA, FileSource

_HOLDERS = ("root", "input", "relation")  # the fields of a plan or a command that have a frame
_INPUTS = ("input", "left_input", "right_input")
_PRINTERS = ("show_string", "html_string")  # those of show() and of notebooks
# The relations with one frame behind which Spark still finds the column.
_CARRIERS = frozenset(
    ["drop", "filter", "limit", "project", "sort", "with_columns", "with_columns_renamed"]
)
# The relations whose rows depend on each column that they get.
_BY_ALL_COLUMNS = frozenset(
    [
        "describe",
        "map_partitions",
        "set_op",
        "summary",
        "to_df",
        "to_schema",
        "transpose",
        "unpivot",
    ]
)


def read_file_metadata(request: Any, session: Any) -> None:
    """Let a request that names the column read each file."""
    if METADATA.encode() not in request.SerializeToString():
        return
    names = {each.unparsed_identifier for each in find_messages(request, "UnresolvedAttribute")}
    texts = [each.expression for each in find_messages(request, "ExpressionString")]
    is_in_text = any(re.search(rf"\b{METADATA}\b", each) for each in texts)
    if not is_in_text and not any(each.partition(".")[0] == METADATA for each in names):
        return
    if any(METADATA in each.name for each in find_messages(request, "Alias")):
        return  # a stream, whose source has added it
    changed = False
    relations = list(find_messages(request, "Relation"))
    for relation in relations:
        if (body := _find_carrier(relation)) is not None and _uses_metadata(body):
            _carry(body.input)
    for relation in relations:
        if (source := _find_source(relation)) is not None:
            _read_files(relation, source, session)
            changed = True
        elif changed and METADATA not in names and _uses_all_columns(relation):
            body = getattr(relation, relation.WhichOneof("rel_type"))
            for name in _INPUTS:
                if name in body.DESCRIPTOR.fields_by_name:
                    _drop(getattr(body, name))
    if changed and METADATA not in names:
        _hide(request)


def _read_files(relation: Any, source: Any, session: Any) -> None:
    options = dict(source.options)
    reader = FileSource(session, source.paths[0], source.format, source.schema, options)
    files = reader.with_metadata().read(list_all_files(source.paths, options))
    number = relation.common.plan_id
    relation.CopyFrom(files._plan.plan(session.client))
    relation.common.plan_id = number


def _find_source(relation: Any) -> Any:
    """Return the files that a relation reads; ``None`` if it reads none."""
    if relation.WhichOneof("rel_type") != "read" or relation.read.is_streaming:
        return None
    if relation.read.WhichOneof("read_type") != "data_source":
        return None
    source = relation.read.data_source
    return source if source.paths and is_file_format(source.format) else None


def _find_carrier(relation: Any) -> Any:
    kind = relation.WhichOneof("rel_type")
    return getattr(relation, kind) if kind in _CARRIERS else None


def _uses_all_columns(relation: Any) -> bool:
    return bool(
        relation.WhichOneof("rel_type") in _BY_ALL_COLUMNS
        or (relation.HasField("deduplicate") and relation.deduplicate.all_columns_as_keys)
    )


def _uses_metadata(body: Any) -> bool:
    own = deepcopy(body)
    own.ClearField("input")
    return METADATA.encode() in own.SerializeToString()


def _carry(relation: Any) -> bool:
    """Add the column to each selection above files; return whether there are files."""
    if _find_source(relation) is not None:
        return True
    if (body := _find_carrier(relation)) is None or not _carry(body.input):
        return False
    if relation.HasField("project") and not any(
        each.HasField("unresolved_star")
        or each.unresolved_attribute.unparsed_identifier == METADATA
        for each in body.expressions
    ):
        body.expressions.add().unresolved_attribute.unparsed_identifier = METADATA
    return True


def _hide(message: Any) -> None:
    """Drop the column from the frame that a request holds at its top."""
    for field, value in message.ListFields():
        if field.message_type is None or not hasattr(value, "ListFields"):
            continue
        if value.DESCRIPTOR.name != "Relation":
            _hide(value)
        elif field.name in _HOLDERS:
            kind = value.WhichOneof("rel_type")
            _drop(getattr(value, kind).input if kind in _PRINTERS else value)


def _drop(relation: Any) -> None:
    inner = deepcopy(relation)
    relation.Clear()
    relation.common.plan_id = inner.common.plan_id
    relation.drop.input.CopyFrom(inner)
    relation.drop.column_names.append(METADATA)
