"""YAML as the Databricks CLI reads it, with locations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flask_lakeflow_jobs.local.bundle.bundle_error import BundleError
from flask_lakeflow_jobs.local.bundle.yaml import format_scalar, load_yaml
from tests.local.bundle.support import write_file


def load(folder: Path, text: str) -> Any:
    return load_yaml(write_file(folder, text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("yes", "yes"),
        ("off", "off"),
        ("True", True),
        ("007", 7),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("1__2", 12),
        ("0x_", "0x_"),
        ("9" * 5000, "9" * 5000),
        ("1e3", 1000.0),
        ("0.5", 0.5),
        ("-3", -3),
        ("'2024-01-31'", "2024-01-31"),
        ("'5'", "5"),
        ("", None),
        ("~", None),
    ],
)
def test_load_yaml_scalar_means_what_the_cli_reads(tmp_path: Path, text: str, value: Any) -> None:
    loaded = load(tmp_path, f"x: {text}")["x"]
    assert (type(loaded), loaded) == (type(value), value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (7, "7"), (1000.0, "1000"), (0.5, "0.5"), (1e300, "1e+300")],
)
def test_format_scalar_is_text_of_the_cli(value: Any, text: str) -> None:
    assert format_scalar(value) == text


@pytest.mark.parametrize("value", ["text", None, [1], {"a": 1}])
def test_format_scalar_keeps_other_values(value: Any) -> None:
    assert format_scalar(value) is value


def test_load_yaml_keys_are_strings(tmp_path: Path) -> None:
    assert load(tmp_path, "{on: yes, 5: 6, null: x}") == {"on": "yes", "5": 6, "null": "x"}


def test_load_yaml_locates_keys_and_items(tmp_path: Path) -> None:
    path = tmp_path / "databricks.yml"
    tree = load(tmp_path, "a: 1\nb:\n  - x\n  - {c: 5}\n")
    assert tree.locations == {"a": (path, 1), "b": (path, 2)}
    assert tree["b"].locations == [(path, 3), (path, 4)]
    assert tree["b"][1].locations == {"c": (path, 4)}


def test_load_yaml_merges_anchored_mappings(tmp_path: Path) -> None:
    tree = load(tmp_path, "a: &base {x: 1, y: 2}\nb:\n  <<: *base\n  y: 3\n")
    assert tree["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "anchored"),
    [
        ("a: &x {b: 1}", {"a"}),
        ("a: [&x 1, &y 2]", {"a"}),
        ("a: {b: &x 1}", {"a"}),
        ("a: {b: &x 1, c: 2}", set()),
        ("a: []", set()),
    ],
)
def test_load_yaml_marks_values_that_are_only_anchors(
    tmp_path: Path, text: str, anchored: set[str]
) -> None:
    assert load(tmp_path, text).anchored == anchored


@pytest.mark.parametrize(
    ("text", "line"),
    [("x:\n  - [{{job.parameters.x}}]", 2), ("x:\n  left: {{job.id}}", 2), ("? [a, b]\n: 1", 1)],
)
def test_load_yaml_refuses_keys_that_are_no_strings(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(BundleError, match=r"^A key has to be a string, not a list or a") as error:
        load(tmp_path, text)
    assert error.value.location == (tmp_path / "databricks.yml", line)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &a [*a]", "an alias that contains itself"),
        ("a: !!float b", "'b' is no value of the type '!!float'"),
        ("a: !!bool b", "'b' is no value of the type '!!bool'"),
        ("a: !!timestamp b", "'b' is no value of the type '!!timestamp'"),
        ("a: [1,\nb: 2", None),
    ],
)
def test_load_yaml_refuses_invalid_text(tmp_path: Path, text: str, problem: str | None) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as error:
        load(tmp_path, text)
    assert problem in (None, error.value.problem)


def test_load_yaml_last_value_of_repeated_key_counts(tmp_path: Path) -> None:
    warnings: list[Any] = []
    file = write_file(tmp_path, "x: &x {b: 1, b: 2}\ny: *x\n")
    assert load_yaml(file, lambda *warning: warnings.append(warning)) == {
        "x": {"b": 2},
        "y": {"b": 2},
    }
    assert warnings == [("The key 'b' occurs twice. The last value counts.", (file, 1))]


def test_load_yaml_refuses_repeated_merge_key(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"^The key '<<' occurs twice\. Merge a list"):
        load(tmp_path, "a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n")
