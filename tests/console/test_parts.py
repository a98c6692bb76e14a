"""Versions of a run's markup, and what a page needs to go from one to another."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from flask_lakeflow_jobs.console import parts
from flask_lakeflow_jobs.console.parts import DIGEST_LENGTH, SPAN, RunMarkup, TaskPart, bucket_of

Rows = Mapping[str, str]


def build(
    frame: Mapping[str, str], rows: Rows, *, nodes: Sequence[str] = ("a",), span: float = 100
) -> RunMarkup:
    """A run with parts by name, and rows of tasks by key."""
    markup = RunMarkup(span)
    places = [markup.add_part(name, text.__str__) for name, text in frame.items()]
    some = [TaskPart(key, f"row-{key}", f"{text} {SPAN}") for key, text in rows.items()]
    places.append(markup.add_list("all", some))
    drawn = [TaskPart(key, f"node-{key}", key) for key in nodes]
    markup.finish("|".join([*places, markup.add_list("nodes", drawn, is_fixed=True)]))
    return markup


class Page:
    """A page as its script keeps it."""

    def __init__(self, markup: RunMarkup) -> None:
        self.parts = self._split(markup)
        self.version = markup.version

    @staticmethod
    def _split(markup: RunMarkup) -> dict[str, str]:
        every = {**markup.difference("0" * len(markup.version))}
        assert set(every) == {"whole", "version"}  # another shell
        changed = markup.difference(markup.version[:DIGEST_LENGTH].ljust(len(markup.version), "~"))
        return dict(changed["parts"])

    def update(self, markup: RunMarkup) -> None:
        found = json.loads(json.dumps(markup.difference(self.version)))
        if "whole" in found:
            self.__init__(markup)  # type: ignore[misc]
            return
        self.parts |= found["parts"]
        for bucket, names in found["buckets"].items():
            for name in list(self.parts):
                key = name.removeprefix("row-")
                if name != key and bucket_of(key) == int(bucket) and name not in names:
                    del self.parts[name]
        digests = re.findall(f".{{{DIGEST_LENGTH}}}", self.version)
        for at, digest in found["digests"].items():
            digests[int(at)] = digest
        self.version = "".join(digests)


texts = st.text("ab<&\ud800", max_size=3)
frames = st.fixed_dictionaries({"head": texts, "facts": texts})
tasks = st.dictionaries(st.text("xyz", min_size=1, max_size=2), texts, max_size=8)


@given(frames, tasks, frames, tasks, st.sampled_from([["a"], ["a", "b"]]))
def test_page_after_differences_shows_what_a_new_page_shows(
    frame: Rows, rows: Rows, later_frame: Rows, later_rows: Rows, nodes: list[str]
) -> None:
    page = Page(build(frame, rows))
    later = build(later_frame, later_rows, nodes=nodes)
    page.update(later)
    assert page.parts == Page(later).parts
    assert page.version == later.version


def test_difference_has_only_what_has_changed() -> None:
    rows = {f"t{at}": "waits" for at in range(200)}
    frame = {"head": "big", "facts": "0 of 200"}
    before = build(frame, rows)
    after = build({**frame, "facts": "1 of 200"}, {**rows, "t7": "runs"}).difference(before.version)
    same_bucket = {f"row-{key}" for key in rows if bucket_of(key) == bucket_of("t7")}
    assert set(after["parts"]) == {"facts", *same_bucket}
    assert len(same_bucket) < 6
    assert before.difference(before.version) == {"digests": {}, "parts": {}, "buckets": {}}


def test_longer_axis_changes_no_row() -> None:
    before = build({}, {"t1": "runs"}, span=100)
    after = build({}, {"t1": "runs"}, span=200)
    assert after.difference(before.version)["parts"] == {}
    assert "runs 200" in after.render()


def test_version_that_does_not_fit_yields_the_whole_markup() -> None:
    markup = build({"head": "big"}, {"t1": "runs"})
    for version in ("", "none", markup.version[1:], markup.version + "00000", "ü" * 9):
        found = markup.difference(version)
        assert found == {"whole": markup.render(), "version": markup.version}
    assert len(markup.version) < 2_000  # it fits into a header
    more_rows = build({"head": "big"}, {"t1": "runs", "t2": "runs"})
    assert "whole" not in more_rows.difference(markup.version)
    more_nodes = build({"head": "big"}, {"t1": "runs"}, nodes=["a", "b"])
    assert "whole" in more_nodes.difference(markup.version), "the graph has another size"


def test_text_of_a_run_is_no_place_of_a_part() -> None:
    markup = RunMarkup(1)
    place = markup.add_part("head", lambda: "<!--part head-->")
    markup.finish(f"{place}")
    assert markup.render() == "<!--part head-->"
    assert parts._PLACE.search("&lt;!--part head--&gt;") is None


def test_character_in_a_text_does_not_stand_for_the_length_of_the_axis() -> None:
    rows = {"t1": "b\0c", "t2": f"{escape(str(SPAN))}"}
    markup = build({"facts": "x\0y"}, rows, span=74)
    empty = markup.version[:DIGEST_LENGTH].ljust(len(markup.version), "~")
    for text in ("x\0y", "b\0c 74", "&lt;!--span--&gt; 74"):
        assert text in markup.render()
        assert any(text in part for part in markup.difference(empty)["parts"].values())
