"""Merging of files, and of targets into a bundle."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local.bundle.bundle_error import BundleError
from flask_lakeflow_jobs.local.bundle.merge import (
    apply_target,
    choose_target,
    merge,
    merge_items,
    normalize_variable,
)
from flask_lakeflow_jobs.local.bundle.yaml import LocatedDict, LocatedList
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import FILE, bundle_text, locate

values = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
).map(locate)


@pytest.mark.parametrize(
    ("base", "override", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": 1}, {"a": None}, {"a": 1}),
        ({}, {"a": None}, {"a": None}),
        ({"a": [1]}, {"a": [2]}, {"a": [1, 2]}),
        ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": [{"name": "x"}]}, {"a": [{"name": "x"}]}, {"a": [{"name": "x"}, {"name": "x"}]}),
    ],
)
def test_merge_documents(base: Any, override: Any, merged: Any) -> None:
    assert merge(locate(base), locate(override)) == merged


@pytest.mark.parametrize(
    ("items", "merged"),
    [
        (
            [{"name": "a", "x": 1}, {"name": "b", "x": 1}, {"name": "a", "x": 2}],
            [{"name": "a", "x": 2}, {"name": "b", "x": 1}],
        ),
        ([{"name": "a"}, {"name": 5}, {"name": 5}], [{"name": "a"}, {"name": 5}, {"name": 5}]),
        ([{"name": "a"}, "a"], [{"name": "a"}, "a"]),
        ([{"x": 1}, {"name": None, "y": 2}], [{"x": 1, "name": "", "y": 2}]),
    ],
)
def test_merge_items_have_one_key_each(items: Any, merged: Any) -> None:
    assert merge_items(locate(items), "name") == merged


@pytest.mark.parametrize(("base", "override"), [("${var.x}", [1]), ({"a": 1}, "the ${var.x}")])
def test_merge_refuses_reference_with_mapping_or_list(base: Any, override: Any) -> None:
    with pytest.raises(
        BundleError, match=r"cannot be merged with a (list|mapping): targets"
    ) as error:
        merge(locate({"k": base}, 1), locate({"k": override}, 2))
    assert error.value.location == (FILE, 2)


def test_merge_keeps_locations_of_both() -> None:
    base = locate({"a": 1, "b": 1, "c": [{"name": "x", "y": 1}]}, 1)
    override = locate({"b": 2, "c": [{"name": "z"}, {"name": "x", "y": 2}]}, 2)
    merged = merge(base, override)
    assert {key: line for key, (_, line) in merged.locations.items()} == {"a": 1, "b": 2, "c": 2}
    items = merge_items(merged["c"], "name")
    assert items == [{"name": "x", "y": 2}, {"name": "z"}]
    assert [line for _, line in items.locations] == [1, 2]
    assert items[0].locations["y"] == (FILE, 2)


@given(values)
def test_merge_with_empty_changes_nothing(value: Any) -> None:
    if isinstance(value, (LocatedDict, LocatedList)):
        empty = type(value)()
        assert merge(value, empty) == merge(empty, value) == value


@pytest.mark.parametrize(
    ("tree", "name", "target"),
    [
        ({}, None, "default"),
        ({}, "default", "default"),
        ({"targets": {"a": None}}, None, "a"),
        ({"targets": {"a": {}, "b": {"default": True}}}, None, "b"),
        ({"targets": {"a": {}, "b": {"default": True}}}, "a", "a"),
        ({"environments": {"a": {}, "b": {"default": True}}}, None, "b"),
    ],
)
def test_choose_target_prefers_name_then_default(tree: Any, name: str | None, target: str) -> None:
    assert choose_target(locate(tree), name) == target


@pytest.mark.parametrize(
    ("targets", "name", "message"),
    [
        ({}, "x", "The bundle has no target 'x'. Its targets: none."),
        ({"a": {}, "b": {}}, "default", "The bundle has no target 'default'. Its targets: a, b."),
        (
            {"a": {}, "b": {}},
            None,
            (
                "None of the targets a, b is the default. Mark one with 'default: true', or name "
                "one in DATABRICKS_BUNDLE_TARGET."
            ),
        ),
        (
            {"a": {"default": True}, "b": {"default": True}},
            None,
            "The targets a, b are all marked as default. Leave 'default: true' at one.",
        ),
        (5, None, "'targets' has to be a mapping."),
    ],
)
def test_choose_target_refuses(targets: Any, name: str | None, message: str) -> None:
    with pytest.raises(BundleError) as error:
        choose_target(locate({"targets": targets}, 3), name)
    assert (error.value.message, error.value.location) == (message, (FILE, 3))


def test_apply_target_merges_sections() -> None:
    target = {
        "mode": "development",
        "git": {"branch": "b"},
        "run_as": {"user_name": "me"},
        "workspace": {"root_path": "/x"},
        "presets": {"tags": {"a": "2", "c": "3"}},
        "resources": {"jobs": {"b": {}}},
    }
    tree = locate(
        {
            "bundle": {"name": "x", "git": {"origin_url": "u", "branch": "a"}},
            "presets": {"tags": {"a": "1", "b": "1"}},
            "resources": {"jobs": {"a": {}}},
            "run_as": {"user_name": "you"},
            "targets": {"dev": target},
        }
    )
    apply_target(tree, "dev")
    assert tree.pop("targets") == {"dev": target}
    assert tree == {
        "bundle": {
            "name": "x",
            "git": {"origin_url": "u", "branch": "b"},
            "mode": "development",
        },
        "presets": {"tags": {"a": "2", "b": "1", "c": "3"}},
        "resources": {"jobs": {"a": {}, "b": {}}},
        "run_as": {"user_name": "me"},
        "workspace": {"root_path": "/x"},
    }


@pytest.mark.parametrize(
    ("variable", "override", "merged"),
    [
        (None, 1, {"default": 1}),
        ({"default": 1, "description": "d"}, 2, {"default": 2, "description": "d"}),
        (1, {"default": 2}, {"default": 2}),
        ({"default": {"a": 1}}, {"b": 2}, {"default": {"b": 2}}),
        ({"default": 1}, {"lookup": {"cluster": "c"}}, {"lookup": {"cluster": "c"}}),
        ({"lookup": {"cluster": "c"}}, "x", {"default": "x"}),
        ({"default": 1}, {"description": "d"}, {"default": 1, "description": "d"}),
    ],
)
def test_apply_target_replaces_value_of_variable(variable: Any, override: Any, merged: Any) -> None:
    tree = locate({"variables": {"x": variable}, "targets": {"t": {"variables": {"x": override}}}})
    apply_target(tree, "t")
    assert tree["variables"] == {"x": merged}


def test_apply_target_refuses_undefined_variable() -> None:
    tree = locate({"targets": {"t": {"variables": {"x": 1}}}})
    with pytest.raises(BundleError, match=r"^The target gives a value to the variable 'x', which"):
        apply_target(tree, "t")


@pytest.mark.parametrize(
    ("value", "definition"),
    [
        (None, {}),
        (5, {"default": 5}),
        ([1], {"default": [1]}),
        ({}, {}),
        ({"a": 1}, {"default": {"a": 1}}),
        ({"default": 1}, {"default": 1}),
        ({"value": 1, "type": "complex"}, {"default": 1, "type": "complex"}),
    ],
)
def test_normalize_variable_accepts_bare_value(value: Any, definition: Any) -> None:
    assert normalize_variable(locate(value)) == definition


def test_load_bundle_target_merges_lists_of_jobs_by_key(load: Load) -> None:
    text = """
variables: {first: {default: main}, cluster: {default: c}, parameter: {default: b}}
resources:
  jobs:
    etl:
      parameters: [{name: a, default: base}, {name: b, default: base}]
      job_clusters: [{job_cluster_key: c, new_cluster: {spark_version: x, num_workers: 1}}]
      environments: [{environment_key: e, spec: {client: "1"}}]
      tasks:
        - {task_key: main, timeout_seconds: 1, spark_python_task: {python_file: main.py}}
        - {task_key: z, spark_python_task: {python_file: main.py}}
targets:
  dev:
    resources:
      jobs:
        etl:
          name: in dev
          parameters: [{name: "${var.parameter}", default: dev}, {name: c, default: dev}]
          job_clusters: [{job_cluster_key: "${var.cluster}", new_cluster: {num_workers: 2}}]
          environments: [{environment_key: e, spec: {dependencies: [r]}}]
          tasks:
            - {task_key: second, spark_python_task: {python_file: main.py}}
            - {task_key: "${var.first}", timeout_seconds: 5}
"""
    job = load(text, "dev").jobs["etl"].settings
    assert job["name"] == "in dev"
    assert job["parameters"] == [
        {"name": "a", "default": "base"},
        {"name": "b", "default": "dev"},
        {"name": "c", "default": "dev"},
    ]
    assert job["job_clusters"] == [
        {"job_cluster_key": "c", "new_cluster": {"spark_version": "x", "num_workers": 2}}
    ]
    assert job["environments"] == [
        {"environment_key": "e", "spec": {"client": "1", "dependencies": ["r"]}}
    ]
    tasks = [(each["task_key"], each.get("timeout_seconds")) for each in job["tasks"]]
    assert tasks == [("main", 5), ("z", None), ("second", None)]


def test_load_bundle_target_merges_clusters_given_by_reference(load: Load) -> None:
    clusters = [
        "{job_cluster_key: a, new_cluster: '${var.small}'}",
        "{job_cluster_key: b, new_cluster: {num_workers: 2, node_type_id: y}}",
    ]
    more = """
variables:
  small: {type: complex, default: {num_workers: 1, spark_version: x}}
  large: {type: complex, default: {num_workers: 9}}
targets:
  dev:
    variables: {small: {num_workers: 4, spark_version: z}}
    resources:
      jobs:
        etl:
          job_clusters:
            - {job_cluster_key: a, new_cluster: {num_workers: 3}}
            - {job_cluster_key: b, new_cluster: "${var.large}"}
"""
    bundle = load(bundle_text(f"job_clusters: [{', '.join(clusters)}]", more=more))
    job_clusters = bundle.jobs["etl"].settings["job_clusters"]
    assert [each["new_cluster"] for each in job_clusters] == [
        {"num_workers": 3, "spark_version": "z"},
        {"num_workers": 9, "node_type_id": "y"},
    ]
