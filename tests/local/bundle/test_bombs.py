"""Small bundles that stand for more than time and memory allow end with a clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import Bundle, BundleError, load_bundle
from flask_lakeflow_jobs.local.bundle.yaml import MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import bundle_text, write_file


def repeat(first: str, step: str, separator: str, *, times: int = 9, levels: int = 9) -> str:
    """Return lines, each of which names the one before it several times."""
    lines = [f"x0: &x0 {first}"]
    for level in range(1, levels):
        names = separator.join([f"*x{level - 1}"] * times)
        lines.append(f"x{level}: &x{level} {step.format(names)}")
    return "\n".join(lines) + "\n"


def variables(first: str, step: str, *, levels: int = 10) -> str:
    """Return variables, each of which refers to the one before it."""
    lines = ["variables:", f"  v0: {first}"]
    lines += [
        f"  v{level}: {step.replace('REFERENCE', f'${{var.v{level - 1}}}')}"
        for level in range(1, levels)
    ]
    return "\n".join(lines) + "\n"


TOO_MANY = f"more than {MAX_NODES} values"
TOO_DEEP = f"more than {MAX_DEPTH} levels deep"
TOO_LARGE = "references of the bundle are too many, or their values too large"
LONG = ", ".join(["'REFERENCE'"] * 10)

BOMBS = {
    "aliases": (repeat("[a, b]", "[{}]", ", "), TOO_MANY),
    "aliases of mappings": (
        "x0: &x0 {a: b}\n"
        + "".join(
            f"x{level}: &x{level} {{"
            + ", ".join(f"k{number}: *x{level - 1}" for number in range(9))
            + "}\n"
            for level in range(1, 9)
        ),
        TOO_MANY,
    ),
    "depth": ("x: " + "[" * 5000 + "]" * 5000, TOO_DEEP),
    "depth of mappings": ("x: " + "{a: " * 5000 + "1" + "}" * 5000, TOO_DEEP),
    "depth of aliases": (repeat("[a]", "[{}]", ", ", times=1, levels=200), TOO_DEEP),
    "size": ("x: " + "a" * MAX_FILE_BYTES, "larger than 1 MiB"),
    "text of variables": (
        variables("{default: aaaaaaaaaa}", "{default: '" + "REFERENCE" * 10 + "'}"),
        TOO_LARGE,
    ),
    "empty variables": (
        variables("{default: ''}", "{default: '" + "REFERENCE" * 10 + "'}"),
        TOO_LARGE,
    ),
    "lists of variables": (
        variables("{default: [a]}", f"{{type: complex, default: [{LONG}]}}"),
        TOO_LARGE,
    ),
    "chain of variables": (
        variables("{default: a}", "{default: 'REFERENCE'}", levels=3000),
        "nested too deeply",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused(load: Load, name: str) -> None:
    more, message = BOMBS[name]
    last = more.count("\n  v") - 1
    field = f"description: '${{var.v{last}}}'" if more.startswith("variables") else "tags: {a: b}"
    with pytest.raises(BundleError, match=message):
        load(bundle_text(field, more=more))


def test_merge_keys_are_bounded(load: Load) -> None:
    """Newer versions of PyYAML merge each key once; with older ones, they are a bomb too."""
    more = repeat("{a: 1, b: 2}", "{{<<: [{}]}}", ", ")
    try:
        assert isinstance(load(bundle_text(more=more)), Bundle)
    except BundleError as error:
        assert TOO_MANY in str(error)  # noqa: PT017 (both are correct)


def test_large_bundle_is_read(load: Load) -> None:
    tasks = "\n".join(
        f"        - {{task_key: t{number}, spark_python_task: {{python_file: main.py}}}}"
        for number in range(500)
    )
    bundle = load(f"{bundle_text()}{tasks}\n")
    assert len(bundle.jobs["etl"].settings["tasks"]) == 501


LINES = st.lists(
    st.sampled_from(
        [
            "a: &a [*a]",
            "<<: *a",
            "variables: {v: {default: '${var.v}'}}",
            "resources: {jobs: {etl: {tasks: [{task_key: m, notebook_task: 5}]}}}",
            "include: ['*', '../*']",
            "targets: {dev: {resources: {jobs: {etl: [1]}}}}",
            "? [a]",
            "!!python/object/apply:os.system ['true']",
            "- 0x_",
            "x: 1e999",
            "\t",
            "\0",
            "---",
            "%YAML 9.9",
        ]
    )
)


@given(st.one_of(st.binary(max_size=60), LINES.map(lambda lines: "\n".join(lines).encode())))
def test_any_file_is_a_bundle_or_an_error_that_says_why(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder: Path = tmp_path_factory.getbasetemp() / "fuzzed"
    write_file(folder, "", "main.py")
    (folder / "databricks.yml").write_bytes(content)
    try:
        load_bundle(folder)
    except BundleError as error:
        assert "unexpectedly" not in str(error)  # noqa: PT017 (it may also be valid)
