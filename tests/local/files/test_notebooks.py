"""Notebooks as clients upload and download them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.files.notebooks import (
    LANGUAGES,
    from_jupyter,
    is_jupyter,
    language_of,
    to_jupyter,
    to_source,
)
from flask_lakeflow_jobs.local.task_process.notebook_files import is_notebook


@pytest.mark.parametrize(
    ("name", "content", "language"),
    [
        ("a.sql", "", "SQL"),
        ("a.R", "", "R"),
        ("a.ipynb", '{"metadata": {"language_info": {"name": "scala"}}}', "SCALA"),
        (
            "a.ipynb",
            '{"metadata": {"application/vnd.databricks.v1+notebook": {"language": "sql"}}}',
            "SQL",
        ),
        ("a.ipynb", '{"metadata": {"language_info": {"name": "julia"}}}', "PYTHON"),
        ("a.ipynb", '{"metadata": {"language_info": {"name": 5}}}', "PYTHON"),
        ("a.ipynb", '{"metadata": []}', "PYTHON"),
        ("a.ipynb", "[]", "PYTHON"),
        ("a.ipynb", "{", "PYTHON"),
        ("a.ipynb", "[" * 100_000, "PYTHON"),
    ],
)
def test_notebook_has_a_language(name: str, content: str, language: str) -> None:
    assert language_of(name, content.encode()) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_source_gets_its_title_once(language: str) -> None:
    suffix, source = to_source(b"x", language)
    assert source.endswith(b" Databricks notebook source\nx")
    assert is_notebook(f"a{suffix}", source)
    assert to_source(source, language) == (suffix, source)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", False),
        (b"[]", False),
        (b'{"cells": [5]}', False),
        (b'{"cells": []}', True),
        ('{"cells": []}'.encode("utf-8-sig"), True),
        ('{"cells": []}'.encode("utf-16-le"), False),
    ],
)
def test_jupyter_is_known_by_its_cells(content: bytes, expected: bool) -> None:
    assert is_jupyter(content) is expected


def test_jupyter_with_a_mark_of_its_encoding_is_a_notebook_with_a_source() -> None:
    content = '{"cells": [{"source": "a"}]}'.encode("utf-8-sig")
    assert is_notebook("a.ipynb", content)
    assert from_jupyter(content) == b"# Databricks notebook source\na\n"


def test_half_a_character_in_jupyter_is_replaced() -> None:
    assert from_jupyter(rb'{"cells": [{"source": "a\ud800"}]}').endswith(b"source\na?\n")


@given(
    st.sampled_from(LANGUAGES),
    st.lists(
        st.tuples(
            st.booleans(), st.lists(st.sampled_from(["x = 1", "%sql", "é", "# a"]), min_size=1)
        ),
        min_size=1,
    ),
)
def test_jupyter_keeps_its_cells_as_source(
    language: str, cells: list[tuple[bool, list[str]]]
) -> None:
    written = [
        {"cell_type": "markdown" if is_text else "code", "source": "\n".join(lines)}
        for is_text, lines in cells
    ]
    metadata = {"language_info": {"name": language.lower()}}
    notebook = {"cells": written, "metadata": metadata}
    source = from_jupyter(json.dumps(notebook).encode())
    back = json.loads(to_jupyter(source, language))
    assert [(each["cell_type"], "".join(each["source"])) for each in back["cells"]] == [
        (each["cell_type"], each["source"]) for each in written
    ]
    assert from_jupyter(json.dumps(back).encode()) == source


def test_magic_below_a_comment_is_uncommented_for_jupyter() -> None:
    source = b"# Databricks notebook source\n# DBTITLE 1,Load\n# MAGIC %sql\n# MAGIC SELECT 1\n"
    [cell] = json.loads(to_jupyter(source, "PYTHON"))["cells"]
    assert "".join(cell["source"]) == "# DBTITLE 1,Load\n%sql\nSELECT 1"
