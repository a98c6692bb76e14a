"""The printed text of a notebook in the page that runs/export returns."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.api.html import render_notebook
from flask_lakeflow_jobs.runs import notebook_export
from flask_lakeflow_jobs.runs.notebook_export import extract_output
from flask_lakeflow_jobs.upstream.session import MAX_RESPONSE_BYTES


def page(*results: Any) -> str:
    """Return a page whose cells have these results, the last cell first."""
    cells = [{"position": number, "results": each} for number, each in enumerate(results, 1)]
    return render_page({"version": "NotebookV1", "commands": cells[::-1]})


def render_page(model: Any) -> str:
    encoded = base64.b64encode(quote(json.dumps(model)).encode()).decode()
    return f"<script>var __DATABRICKS_NOTEBOOK_MODEL = '{encoded}';"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"type": "ansi", "data": "one\n"}, "one\n"),
        (
            {"type": "html", "data": '<div class="ansiout">1 &lt; 2<script>x</script></div>'},
            "1 < 2\n",
        ),
        ({"type": "html", "data": "a<![if !x]>b<![x]>c"}, "abc\n"),
        (
            {"type": "listResults", "data": [{"type": "ansi", "data": "a"}, {"data": "b"}]},
            "a\nb\n",
        ),
        (
            {"type": "table", "schema": [{"name": "n"}, {"name": "t"}], "data": [[1, None]]},
            "n\tt\n1\t\n",
        ),
        ({"type": "mimeBundle", "data": {"text/plain": "plain", "text/html": "<b>"}}, "plain\n"),
        ({"type": "image", "data": None}, ""),
        ("?", ""),
        (None, ""),
    ],
)
def test_extract_output_of_each_kind_of_result(result: Any, text: str) -> None:
    assert extract_output(page(result)) == (text, False)


def test_extract_output_has_cells_in_their_order() -> None:
    cells = [{"type": "ansi", "data": text} for text in ("1\n", "2\n", "3\n")]
    assert extract_output(page(*cells)) == ("1\n2\n3\n", False)


def test_extract_output_of_the_local_workspace() -> None:
    exported = render_notebook("n", "print('ü')", {"logs": "ü\x1b[1m\n'</script>\n"}, "title")
    assert extract_output(exported) == ("ü\x1b[1m\n'</script>\n", False)


def test_page_of_the_local_workspace_with_a_long_log_can_be_read() -> None:
    log = '{"level": "INFO", "rows": "5 %"}\n' * 150_000
    exported = render_notebook("n", "", {"logs": log}, "title")
    assert len(json.dumps(exported)) < MAX_RESPONSE_BYTES
    assert extract_output(exported) == (log, False)


def test_extract_output_cuts_a_long_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook_export, "MAX_OUTPUT_CHARS", 3)
    assert extract_output(page({"data": "12345"})) == ("45\n", True)


@given(st.text() | st.binary().map(lambda data: page().replace("'ey", f"'{data.hex()}")))
def test_extract_output_of_another_page_is_none_or_text(text: str) -> None:
    assert extract_output(text) in (None, ("", False))


@given(
    st.recursive(
        st.none() | st.integers() | st.sampled_from(["html", "<![", "x]>"]) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["type", "data", "schema"]), inner, max_size=3)
        ),
    )
)
def test_extract_output_reads_any_model(value: Any) -> None:
    for model in (value, {"commands": value}, {"commands": [{"results": value}]}):
        assert extract_output(render_page(model)) is not None
