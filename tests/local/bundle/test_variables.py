"""Variables and references of a bundle."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_lakeflow_jobs.local import BundleError
from flask_lakeflow_jobs.local.bundle.references import UndefinedReference, interpolate
from flask_lakeflow_jobs.local.bundle.variables import (
    current_user_name,
    derive_job_id,
    hash_variables,
    set_variables,
    short_name,
)
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import FILE, bundle_text, locate, write_file

VARIABLES = """
variables:
  day: {default: monday}
  title: {default: "on ${var.day}"}
  limit: {default: 7}
  needed: {description: of another target, default: none}
  cluster: {type: complex, default: {size: 3, day: "${var.day}"}}
  warehouse: {lookup: {warehouse: Shared Endpoint}}
  sizes: {type: complex, default: [{rows: 3}, {rows: 5}]}
  whole: {type: complex, default: "${var.sizes}"}
  old: {value: 8}
  size_of_tuesday: {default: 9}
workspace: {host: https://example.com, root_path: ~/bundles}
targets:
  dev:
    mode: development
    default: true
    presets: {name_prefix: "[dev jo] "}
    variables: {day: tuesday, sizes: [{rows: 4}]}
  prod: {variables: {day: {default: wednesday}, needed: given}}
  shared: {workspace: {root_path: '/Shared/${bundle.name}', file_path: "${workspace.root_path}/f"}}
  broad: {workspace: {artifact_path: /Volumes/a/b/c}}
"""
RESOURCES = """\
resources:
  pipelines: {raw: {name: "raw on ${var.day}"}}
  volumes: {files: {catalog_name: main, schema_name: "${var.day}", name: files}}
  schemas:
    raw: {catalog_name: main, name: raw}
    sales: {catalog_name: main, name: "sales_${var.day}"}
    unfinished: {name: raw}
    empty:
  clusters: {small: {num_workers: 1, cluster_name: small}}
  registered_models: {rank: {catalog_name: main, schema_name: raw, name: rank}}
  dashboards: {sales: {display_name: Sales, name: unused}}
  alerts: {late: {display_name: Late}}
  instance_pools: {warm: {instance_pool_name: Warm}}
  genie_spaces: {ask: {title: Ask}}
  experiments: {tune: {name: /Shared/tune}}
  models: {old: {name: old}}
  sql_warehouses: {main: {name: Main}}
"""


def load_value(load: Load, reference: str, target: str | None = None) -> Any:
    """Return a reference's value in a task's list of parameters."""
    task = f"spark_python_task: {{python_file: main.py, parameters: ['{reference}']}}"
    text = bundle_text(task=task, more=VARIABLES).replace("resources:\n", RESOURCES)
    (main,) = load(text, target).jobs["etl"].settings["tasks"]
    (value,) = main["spark_python_task"]["parameters"]
    return value


def test_schemas_and_volumes_have_full_names(load: Load) -> None:
    task = "spark_python_task: {python_file: main.py}"
    text = bundle_text(task=task, more=VARIABLES).replace("resources:\n", RESOURCES)
    assert load(text, "dev").catalog_objects == (
        "main.dev_jo_raw",
        "main.dev_jo_sales_tuesday",
        "unfinished",
        "empty",
        "main.tuesday.files",
    )
    unknown = text.replace(
        "catalog_name: main, name: raw", 'catalog_name: "${resources.catalogs.a.name}", name: raw'
    )
    assert load(unknown, "prod").catalog_objects[0] == "${resources.catalogs.a.name}.raw"
    assert load(text.replace("empty:", "empty: 7"), "prod").catalog_objects[3] == "empty"


@pytest.mark.parametrize(
    ("reference", "target", "value"),
    [
        ("${var.day}", "dev", "tuesday"),
        ("$${var.day} of $${days[0..9]}", "dev", "${var.day} of ${days[0..9]}"),
        ("${var.day}", "prod", "wednesday"),
        ("${var.day}", "shared", "monday"),
        ("the ${var.title}!", "dev", "the on tuesday!"),
        ("${var.limit}", "dev", "7"),
        ("${var.limit} rows", "dev", "7 rows"),
        ("${var.needed}", "prod", "given"),
        ("${var.cluster.size}", "dev", "3"),
        ("${var.cluster}", "dev", {"size": 3, "day": "tuesday"}),
        ("${var.warehouse}", "dev", "Shared Endpoint"),
        ("${var.sizes[0].rows}", "dev", "4"),
        ("${var.sizes[1].rows}", "shared", "5"),
        ("${var.whole[1].rows}", "shared", "5"),
        ("${var.size_of_${var.day}}", "dev", "9"),
        ("<${var.size_of_${var.day}}>", "dev", "<9>"),
        ("${variables.old.value}", "shared", "8"),
        ("${bundle.target}", "dev", "dev"),
        ("${bundle.name}", "prod", "sales"),
        ("${bundle.mode}", "dev", "development"),
        ("${bundle.git.branch}", "dev", ""),
        ("${workspace.root_path}", "dev", "/Workspace/Users/Jo.Doe@localhost/bundles"),
        ("${workspace.file_path}", "dev", "/Workspace/Users/Jo.Doe@localhost/bundles/files"),
        ("${workspace.resource_path}", "shared", "/Workspace/Shared/sales/resources"),
        ("${workspace.artifact_path}", "shared", "/Workspace/Shared/sales/artifacts"),
        ("${workspace.state_path}", "shared", "/Workspace/Shared/sales/state"),
        ("${workspace.root_path}", "shared", "/Workspace/Shared/sales"),
        ("${workspace.file_path}", "shared", "/Workspace/Shared/sales/f"),
        ("${workspace.artifact_path}", "broad", "/Volumes/a/b/c"),
        ("/Workspace/${workspace.file_path}/x", "shared", "/Workspace/Shared/sales/f/x"),
        ("/Workspace${workspace.root_path}", "shared", "/Workspace/Shared/sales"),
        ("${workspace.host}", "dev", "https://example.com"),
        ("${workspace.current_user.userName}", "dev", "Jo.Doe@localhost"),
        ("${workspace.current_user.emails[0].value}", "dev", "Jo.Doe@localhost"),
        ("${workspace.current_user.short_name}", "dev", "jo_doe"),
        ("${workspace.current_user.domain_friendly_name}", "dev", "jo-doe"),
        ("${resources.jobs.etl.id}", "dev", "8099396154102756"),
        ("${resources.jobs.etl.tasks[0].task_key}", "dev", "main"),
        ("${resources.jobs.etl.name}", "dev", "[dev jo] etl"),
        ("${resources.pipelines.raw.id}", "prod", "raw"),
        ("${resources.pipelines.raw.name}", "prod", "raw on wednesday"),
        ("${resources.volumes.files.volume_path}", "dev", "/Volumes/main/tuesday/files"),
        ("${resources.volumes.files.id}", "dev", "main.tuesday.files"),
        ("${resources.schemas.sales.id}", "prod", "main.sales_wednesday"),
        ("${resources.schemas.sales.id}", "dev", "main.dev_jo_sales_tuesday"),
        ("${resources.schemas.unfinished.id}", "dev", "unfinished"),
        ("${resources.schemas.empty.id}", "dev", "empty"),
        ("${resources.schemas.raw.name}", "dev", "dev_jo_raw"),
        ("${resources.schemas.raw.name}", "shared", "raw"),
        ("${resources.clusters.small.cluster_id}", "dev", "small"),
        ("${resources.clusters.small.cluster_name}", "dev", "[dev jo] small"),
        ("${resources.registered_models.rank.id}", "dev", "main.raw.dev_jo_rank"),
        ("${resources.dashboards.sales.display_name}", "dev", "[dev jo] Sales"),
        ("${resources.dashboards.sales.name}", "dev", "unused"),
        ("${resources.alerts.late.display_name}", "dev", "[dev jo] Late"),
        ("${resources.instance_pools.warm.instance_pool_name}", "dev", "[dev jo] Warm"),
        ("${resources.genie_spaces.ask.title}", "dev", "[dev jo] Ask"),
        ("${resources.experiments.tune.name}", "dev", "/Shared/[dev jo] tune"),
        ("${resources.models.old.name}", "dev", "[dev jo] old"),
        ("${resources.sql_warehouses.main.name}", "dev", "[dev jo] Main"),
        ("{{job.id}} ${not a reference} $5", "dev", "{{job.id}} ${not a reference} $5"),
        ("${workspace.auth_type}", "dev", ""),
        ("${resources.jobs.etl.creator_user_name}", "dev", "Jo.Doe@localhost"),
        ("${resources.jobs.etl.tasks[9].x}", "dev", "${resources.jobs.etl.tasks[9].x}"),
        ("${var.day..x} ${var._day}", "dev", "${var.day..x} ${var._day}"),
        ("${resources.jobs.etl.url}", "dev", "${resources.jobs.etl.url}"),
        ("${HOME} ${env:DAY} ${spark.x}", "dev", "${HOME} ${env:DAY} ${spark.x}"),
    ],
)
def test_load_bundle_replaces_reference(
    load: Load, reference: str, target: str, value: Any
) -> None:
    assert load_value(load, reference, target) == value


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("${var.x}", "${var.x} is not defined. Define it under 'variables': there are day, title"),
        ("a ${var.cluster}", "${var.cluster} is complex, so it cannot be a part of the text 'a "),
        ("${var.cluster.none}", "${var.cluster.none} has no value here."),
        ("${resources.jobs.b.id}", "${resources.jobs.b.id} has no value here."),
    ],
)
def test_load_bundle_undefined_reference_names_line_of_use(
    load: Load, reference: str, message: str
) -> None:
    with pytest.raises(BundleError) as error:
        load_value(load, reference)
    assert str(error.value).startswith(f"databricks.yml:24: {message}")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("{x: {default: '${var.x}'}}", "${var.x} refers to itself."),
        ("{x: {default: '${var.y}'}, y: {default: '${var.x}'}}", "${var.x} refers to itself."),
        ("{a: {default: '${var.a.b}'}}", "${var.a.b} refers to itself."),
        ("{a: {default: 'x ${var.b}'}}", "${var.b} is not defined. Define it under 'variables'"),
        ("{a: {description: d}}", "The variable 'a' has no value. Give it a 'default', or a value"),
        (
            "{a: {}, b: {default: 1}, c: {}}",
            "The variables 'a', 'c' have no value. Give each a 'default', or a value in the target",
        ),
    ],
)
def test_load_bundle_refuses_variable_that_nothing_uses(
    load: Load, variables: str, message: str
) -> None:
    with pytest.raises(BundleError) as error:
        load(bundle_text(more=f"variables: {variables}"))
    assert str(error.value).startswith(f"databricks.yml:9: {message}")


@pytest.mark.parametrize("value", ["'${var.b}'", "{default: '${var.b}'}"])
def test_load_bundle_names_the_line_of_the_value_that_the_target_gives(
    load: Load, value: str
) -> None:
    variables = f"variables: {{a: {{default: 1}}}}\ntargets: {{dev: {{variables: {{a: {value}}}}}}}"
    with pytest.raises(BundleError, match=r"databricks.yml:10: \$\{var.b\} is not defined"):
        load(bundle_text(more=variables))


@pytest.mark.parametrize(
    ("definition", "content", "message"),
    [
        ("", '{"a": {"b": 1}}', "The variable 'a' is not complex, but its value in variable-"),
        ("type: complex", '{"a": 5}', "The variable 'a' is complex, but its value in variable-"),
        ("", '"a"', "The file has to hold a mapping"),
    ],
)
def test_load_bundle_refuses_overrides_of_another_type(
    folder: Path, load: Load, definition: str, content: str, message: str
) -> None:
    write_file(folder, content, ".databricks/bundle/default/variable-overrides.json")
    with pytest.raises(BundleError) as error:
        load(bundle_text(more=f"variables: {{a: {{{definition}}}}}"))
    assert message in str(error.value)


def test_load_bundle_environment_cannot_set_complex_variable(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLE_VAR_a", "x")
    with pytest.raises(BundleError, match="'a' is complex, so BUNDLE_VAR_a cannot set it"):
        load(bundle_text(more="variables: {a: {type: complex, default: {}}}"))


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["a=1", "a=2"], "The variable 'a' is set twice. Set it once."),
        (["a"], "The variable 'a' is not of the form NAME=VALUE."),
        (["=1"], "The variable '=1' is not of the form NAME=VALUE."),
    ],
)
def test_set_variables_refuses(assignments: list[str], message: str) -> None:
    with pytest.raises(BundleError) as error:
        set_variables(assignments)
    assert error.value.message == message


def test_load_bundle_warns_of_a_misspelled_variable_of_the_environment(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = bundle_text(more="variables: {table: {default: orders}}")
    monkeypatch.setenv("BUNDLE_VAR_of_another_bundle", "x")
    monkeypatch.setenv("BUNDLE_VAR_tabel", "x")
    (warning,) = load(text).warnings
    assert warning.endswith(
        "BUNDLE_VAR_tabel sets no variable of the bundle. Did you mean BUNDLE_VAR_table?"
    )
    monkeypatch.setenv("BUNDLE_VAR_table", "x")
    assert load(text).warnings == ()


def test_load_bundle_variable_sources_have_precedence(
    folder: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ".databricks/bundle/default/variable-overrides.json"
    write_file(folder, '{"a": "file", "b": "file"}', file)
    monkeypatch.setenv("BUNDLE_VAR_b", "environment")
    monkeypatch.setenv("BUNDLE_VAR_c", "environment")
    names = "abc"
    parameters = ", ".join(f"{{name: {name}, default: '${{var.{name}}}'}}" for name in names)
    text = bundle_text(f"parameters: [{parameters}]", more="variables: {a: {default: 1}, b: , c: }")
    values = [each["default"] for each in load(text).jobs["etl"].settings["parameters"]]
    assert values == ["file", "environment", "environment"]


def test_load_bundle_reads_git_details_of_its_repository(folder: Path, load: Load) -> None:
    write_file(folder, "ref: refs/heads/x\n", ".git/HEAD")
    more = "targets: {dev: {git: {branch: y}}, prod: {default: true}}"
    text = bundle_text("description: ${bundle.git.branch}", more=more)
    for target, branch in (("dev", "y"), ("prod", "x")):
        assert load(text, target).jobs["etl"].settings["description"] == branch


NAMES = {"var.a": "${var.b}", "var.b": 5, "var.c": [1, {"d": "${var.b}"}]}


def lookup(name: str) -> Any:
    try:
        return locate(NAMES[name], 9)
    except KeyError:
        raise UndefinedReference(f"no {name}") from None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${var.a}", 5),
        ("<${var.a}>", "<5>"),
        ("${var.a}${var.b}", "55"),
        ("${var.c}", [1, {"d": 5}]),
        ({"x": ["${var.b}", None, True]}, {"x": [5, None, True]}),
        ("${env.X} ${var}", "${env.X} ${var}"),
    ],
)
def test_interpolate_replaces_references_at_any_depth(value: Any, expected: Any) -> None:
    assert interpolate(locate(value), lookup) == expected


@pytest.mark.parametrize("value", ["${var.z}", {"a": ["${var.z}"]}, "<${var.z}>"])
def test_interpolate_undefined_has_innermost_location(value: Any) -> None:
    with pytest.raises(BundleError, match=r"^no var\.z$") as error:
        interpolate(locate(value, 3), lookup, (FILE, 2))
    assert error.value.location == (FILE, 2 if isinstance(value, str) else 3)


def test_derive_job_id_is_the_same_everywhere() -> None:
    assert derive_job_id("etl") == 8099396154102756


@given(st.text())
def test_derive_job_id_is_exact_in_javascript(key: str) -> None:
    assert 10**14 <= derive_job_id(key) <= 2**53 - 1


@pytest.mark.parametrize(
    ("user", "name"), [("Jo.Doe@localhost", "jo_doe"), ("a-b", "a_b"), ("_x_@y", "x")]
)
def test_short_name_is_identifier(user: str, name: str) -> None:
    assert short_name(user) == name


@pytest.mark.parametrize("name", ["a\nb", "a/b", "a\udcff", "a" * 300])
def test_current_user_name_may_be_part_of_a_path(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: name)
    assert current_user_name() == "user@localhost"


def test_hash_variables_changes_with_values(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = [hash_variables()]
    for name, value in (("BUNDLE_VAR_a", "1"), ("BUNDLE_VAR_a", "2"), ("BUNDLE_VAR_b", "2")):
        monkeypatch.setenv(name, value)
        hashes.append(hash_variables())
    assert len(set(hashes)) == 4
    monkeypatch.setenv("OTHER", "x")
    assert hash_variables() == hashes[-1]
