"""The prose linter finds what slows readers down, and the pages and docstrings are free of it."""

from __future__ import annotations

from pathlib import Path

import docs_prose
import pytest

from tests.docs.blocks import ROOT


def messages(text: str) -> list[str]:
    return [found.message for found in docs_prose.find_problems(text)]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_pages_have_no_problems() -> None:
    assert [line for page in docs_prose.pages() for line in docs_prose.check_page(page)] == []


def test_docstrings_have_no_problems() -> None:
    modules = sorted((ROOT / "flask_lakeflow_jobs").rglob("*.py"))
    assert [line for module in modules for line in docs_prose.check_docstrings(module)] == []


def test_pages_include_the_readme_and_every_kind_of_page() -> None:
    names = {page_name(page).rpartition("/")[0] for page in docs_prose.pages()}
    assert {"", "docs", "docs/tutorials", "docs/guides", "docs/reference"} <= names


@pytest.mark.parametrize("term", sorted({*docs_prose.AVOIDED, "news", "told"}))
def test_avoided_word_is_a_problem_with_advice(term: str) -> None:
    [message] = messages(f"The app reads {term} again.")
    assert message.startswith(f"avoid '{term}': ")


def test_every_replaced_term_is_avoided_or_an_everyday_word() -> None:
    terms = docs_prose.replaced_terms()
    assert len(terms) > 20
    assert terms > docs_prose.EVERYDAY
    for term in terms - docs_prose.EVERYDAY:
        assert messages(f"It has a {term}.")


def test_sentence_longer_than_the_limit_is_a_problem() -> None:
    sentence = " ".join(["word"] * docs_prose.MAX_WORDS)
    assert messages(f"{sentence}. {sentence.title()}.") == []
    assert messages(f"{sentence} more.") == [
        "a sentence of 33 words: word word word word word word …"
    ]


@pytest.mark.parametrize(
    ("docstring", "count"), [("How long it takes.", 1), ("Whom to ask.", 1), ("Show it.", 0)]
)
def test_docstring_that_opens_with_a_question_word_is_a_problem(docstring: str, count: int) -> None:
    assert len(list(docs_prose.find_docstring_problems(docstring))) == count


@pytest.mark.parametrize("sentence", ["What it does is good.", "- Whoever reads it may go."])
def test_opener_without_a_subject_is_a_problem(sentence: str) -> None:
    assert any(message.startswith("begin with the subject") for message in messages(sentence))


def test_question_may_begin_with_what() -> None:
    assert messages("# What it costs\n\nWhat does it cost? Nothing.\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "```python\nnews = told\n```\n",
        "Read `news` here.",
        "See [the guide](news.md).",
        "<!-- told -->\n",
        "<!-- made of code: keys -->\n\n| told |\n\n<!-- end -->\n",
        "    :param news: ``told``.",
    ],
    ids=["fence", "code", "link", "comment", "generated", "literal"],
)
def test_markup_and_code_are_no_prose(text: str) -> None:
    assert [found for found in messages(text) if "told" in found] == []


def test_problem_has_the_line_of_its_sentence() -> None:
    text = "# Title\n\nOne sentence. The next\nhas none.\nBut this has news.\n\n- And told here\n"
    assert [(found.line, found.message[:12]) for found in docs_prose.find_problems(text)] == [
        (5, "avoid 'news'"),
        (7, "avoid 'told'"),
    ]


def test_docstrings_are_read_with_their_lines(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""One."""\n\n\ndef two():\n    """Two."""\n')
    assert list(docs_prose.read_docstrings(module)) == [(1, "One."), (5, "Two.")]
