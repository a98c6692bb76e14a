"""The statements of a text, whatever its texts, names and comments contain."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from flask_lakeflow_jobs.local.task_process.sql_statements import (
    is_query,
    matches_show_pattern,
    remove_comments,
    replace_braces,
    replace_identifiers,
    split_statements,
)

# Characters that begin or end something in SQL.
SPECIAL = st.text("a;'\"`\\-/*$:{}\n ", max_size=8)


def quote(text: str, mark: str) -> str:
    return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark


def nest(text: str) -> str:
    return f"/*{text}*/"


texts = st.one_of(
    st.builds(quote, SPECIAL, st.sampled_from("'\"")),
    SPECIAL.map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"),
    SPECIAL.map(lambda text: "r'" + text.replace("'", "") + "'"),
    SPECIAL.map(lambda text: 'R"' + text.replace('"', "") + '"'),
    SPECIAL.map(lambda text: "`a" + text.replace("`", "``") + "`"),
    SPECIAL.map(lambda text: "$$" + text.replace("$", "") + "$$"),
    SPECIAL.map(lambda text: "$py$" + text + "$py$"),
)
comments = st.one_of(
    SPECIAL.map(lambda text: "--" + text.replace("\n", "\\\n").rstrip("\\") + "\n"),
    st.recursive(
        SPECIAL.map(lambda text: nest(text.replace("*", "").replace("/", ""))),
        lambda inner: st.tuples(inner, inner).map(lambda pair: nest(" ".join(pair))),
        max_leaves=4,
    ),
)
statements = st.lists(st.sampled_from(["SELECT", "x", "1"]) | texts | comments, min_size=1)


@given(st.lists(statements, max_size=4))
def test_split_statements_ends_them_at_semicolons_only(parts: list[list[str]]) -> None:
    joined = [" ".join(each) for each in parts]
    expected = [each for each in joined if remove_comments(each).strip()]
    assert split_statements(";".join(joined)) == expected


@given(st.lists(texts | comments))
def test_texts_and_comments_are_neither_translated_nor_mixed_up(parts: list[str]) -> None:
    text = " ".join(parts)
    assert replace_braces(text, {}) == text
    kept = [each for each in parts if not each.startswith(("--", "/*"))]
    assert remove_comments(text).split() == " ".join(kept).split()
    assert len(remove_comments(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("SELECT {{ day }}, '{{day}}'", "SELECT :day, '{{day}}'"),
        (r"SELECT 'it\'s {{a}}', {{b}}", r"SELECT 'it\'s {{a}}', :b"),
        (r"SELECT r'\', {{b}}", r"SELECT r'\', :b"),
        ("/* /* */ {{a}} */ {{b}}", "/* /* */ {{a}} */ :b"),
        ("USE `{{ catalog }}`.`x_{{b}}`", "USE `a``b`.`x_{{b}}`"),
    ],
)
def test_replace_braces(text: str, replaced: str) -> None:
    assert replace_braces(text, {"catalog": "a`b"}) == replaced


def test_comment_without_an_end_hides_the_rest() -> None:
    assert split_statements("SELECT 1; /* SELECT 2;") == ["SELECT 1"]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("-- all\nSELECT 1", True),
        ("SELECT/* all */1", True),
        ("(SELECT 1) UNION (SELECT 2)", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("SHOW TABLES", True),
        ("INSERT INTO t SELECT 1", False),
        ("CREATE TABLE t AS SELECT 1", False),
    ],
)
def test_is_query(statement: str, expected: bool) -> None:
    assert is_query(statement) is expected


@pytest.mark.parametrize(
    ("statement", "replaced"),
    [
        ("SELECT * FROM IDENTIFIER(:a || '.b')", "SELECT * FROM `<:a || '`.`b'>`"),
        ("USE identifier ( concat(:a, '(')); x", "USE `< concat(:a, '(')>`; x"),
        ("USE IDENTIFIER(f(IDENTIFIER('a`b')))", "USE `<f(IDENTIFIER('a``b'))>`"),
        (r"SELECT r'\', IDENTIFIER(a)", r"SELECT r'\', `<a>`"),
        *((text, text) for text in ("'IDENTIFIER(:a)', identifier -- IDENTIFIER(:a)", "'open")),
        *((text, text) for text in ("/* IDENTIFIER(a) */", "`IDENTIFIER(a)`", "IDENTIFIER(a")),
    ],
)
def test_replace_identifiers(statement: str, replaced: str) -> None:
    assert replace_identifiers(statement, "<{}>".format) == replaced


@pytest.mark.parametrize(
    ("pattern", "names"),
    [(None, "ab Ac b"), ("A*", "ab Ac"), ("a%", "ab Ac"), ("ab | b", "ab b"), ("x", "")],
)
def test_names_like_a_pattern(pattern: str | None, names: str) -> None:
    assert [
        each for each in ("ab", "Ac", "b") if matches_show_pattern(each, pattern)
    ] == names.split()
