"""Compare results with those of Spark, but for known differences."""

from __future__ import annotations

from collections.abc import Mapping

from tests.spark_reference.statements import Result, read_lines, read_results


def compare(
    found: Mapping[str, Result], *files: str, with_names: bool = True
) -> tuple[dict[str, tuple[Result, Result]], set[str]]:
    """Return the results that differ from those of Spark, and listed ones that do not.

    :param files: the names of files that list known differences.
    :param with_names: whether the names of columns are compared too.
    :return: what differs and is not listed, with the result of Spark first; what is only listed.
    """
    expected = read_results()
    assert found.keys() <= expected.keys(), "Record their results: tox run -e spark-reference"
    known = {each for name in files for each in read_lines(name, "#")}
    differences = {
        statement: (expected[statement], result)
        for statement, result in found.items()
        if not _is_same(statement, expected[statement], result, with_names)
    }
    new = {each: pair for each, pair in differences.items() if each not in known}
    return new, known - differences.keys()


def _is_same(statement: str, expected: Result, found: Result, with_names: bool) -> bool:
    if expected is None or found is None:
        return expected == found
    (names, rows), (found_names, found_rows) = expected, found
    if not any(word in statement.lower() for word in ("order by", "orderby", ".sort(")):
        rows, found_rows = sorted(rows, key=repr), sorted(found_rows, key=repr)
    return rows == found_rows and (names == found_names or not with_names)
