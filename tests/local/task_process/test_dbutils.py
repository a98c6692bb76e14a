"""``dbutils``: widgets, notebook, task values, and the names of a notebook."""

from __future__ import annotations

import sys

import pytest

from flask_lakeflow_jobs.local.task_process.dbutils import (
    LazyObject,
    SecretsUtils,
    TaskValuesUtils,
    WidgetsUtils,
)
from tests.local.conftest import Serve
from tests.local.support import Client, notebook_task
from tests.local.task_process.support import HEADER, notebook_client, output_of, result_of


def test_widgets_prefer_parameters_to_declared_defaults() -> None:
    widgets = WidgetsUtils({"day": "from run"})
    widgets.text("day", "from notebook", "Day")
    widgets.multiselect("hour", "1", ["1", "2"])
    widgets.set("place", "here")
    widgets.combobox("place", "there", [])
    assert widgets.getAll() == {"day": "from run", "hour": "1", "place": "here"}
    assert widgets.getArgument("day", "other") == "from run"
    assert widgets.getArgument("none", "other") == "other"


def test_parameters_of_the_run_stay_when_a_notebook_removes_its_widgets() -> None:
    """Notebooks begin with it, and declare their widgets after it."""
    widgets = WidgetsUtils({"day": "from run"})
    for remove in (widgets.removeAll, lambda: widgets.remove("day"), lambda: widgets.remove("day")):
        widgets.text("day", "from notebook")
        widgets.text("hour", "1")
        remove()
        assert widgets.get("day") == "from run"
    assert widgets.getAll() == {"day": "from run", "hour": "1"}
    widgets.removeAll()
    assert widgets.getAll() == {"day": "from run"}


def test_task_values_of_earlier_tasks() -> None:
    values = TaskValuesUtils({"load": {"rows": 0}})
    assert values.get("load", "rows", default=5) == 0
    assert values.get("load", "other", default=5) == 5
    for default in ({}, {"default": None}):
        with pytest.raises(ValueError, match=r"^Task 'load' has set no value 'other'.*: rows"):
            values.get("load", "other", **default)
    with pytest.raises(ValueError, match="It has set: none"):
        values.get("none", "rows")


@pytest.mark.parametrize(("size", "is_accepted"), [(48 * 1024 - 2, True), (48 * 1024 - 1, False)])
def test_task_value_is_limited_to_48_kib(size: int, is_accepted: bool) -> None:
    values = TaskValuesUtils({})
    if is_accepted:
        values.set("a", "x" * size)
    else:
        with pytest.raises(ValueError, match=r"takes 49153 bytes as JSON\. The limit is 49152\."):
            values.set("a", "x" * size)
    assert ("a" in values.collected) is is_accepted


def test_task_value_is_the_one_at_the_time_of_set() -> None:
    values, names = TaskValuesUtils({}), ["a"]
    values.set("names", names)
    names.append("b")
    assert values.collected == {"names": ["a"]}


def test_widgets_are_run_over_job_over_task_over_notebook(serve: Serve) -> None:
    task = notebook_task("main")
    own = dict.fromkeys(("day", "minute", "place"), "from task")
    task["notebook_task"]["base_parameters"] = own
    job = {"parameters": [{"name": "place", "default": "from job"}], "tasks": [task]}
    text = """
dbutils.widgets.text("day", "from notebook", "Day")
dbutils.widgets.dropdown("hour", "from notebook", ["1", "2"])
found = sorted(dbutils.widgets.getAll().items())
dbutils.notebook.exit(" ".join(f"{name}={value}" for name, value in found))
"""
    client = serve({"etl": job}, {"notebook.py": HEADER + text})
    assert result_of(client, notebook_params={"day": "from run", "extra": "1"}) == (
        "day=from run extra=1 hour=from notebook minute=from task place=from job"
    )


def test_unknown_widget_is_an_error(serve: Serve) -> None:
    client = notebook_client(serve, "dbutils.widgets.get('nothing')")
    output = output_of(client)
    assert output.error is not None
    assert output.error.startswith(
        "ValueError: InputWidgetNotDefined: No input widget named nothing is defined."
    )


def test_exit_is_not_caught_by_the_notebook(serve: Serve) -> None:
    text = """
try:
    dbutils.notebook.exit("done")
except Exception:
    raise RuntimeError("an exit is no failure")
# COMMAND ----------
raise RuntimeError("never reached")
"""
    assert result_of(notebook_client(serve, text)) == "done"


def test_notebook_without_exit_has_no_result(serve: Serve) -> None:
    assert result_of(notebook_client(serve, "x = 1")) is None


def test_exit_value_is_truncated_to_five_megabytes(serve: Serve) -> None:
    client = notebook_client(serve, "dbutils.notebook.exit('a' + 5 * 1024 * 1024 * 'b')")
    output = output_of(client).notebook_output
    assert output is not None
    assert output.truncated is True
    assert output.result is not None
    assert len(output.result) == 5 * 1024 * 1024
    assert output.result.startswith("ab")


def test_names_that_are_defined_in_a_notebook(serve: Serve) -> None:
    text = """
dbutils.widgets.text("day", "monday")
display("shown", 5, checkpointLocation="/Volumes/main/default/display")
displayHTML("<b>é</b>")
try:
    dbutils.data.summarize(1)
except AttributeError as error:
    dbutils.notebook.exit(f"{getArgument('day')}: {error}")
"""
    client = notebook_client(serve, text)
    run = client.run("etl")
    (task,) = run.tasks or []
    output = client.outputs(run)["main"].notebook_output
    assert output is not None
    assert (output.result or "").startswith("monday: dbutils.data does not exist in the local")
    assert task.run_id is not None
    (view,) = client.jobs.export_run(task.run_id).views or []
    assert "shown\n5\n&lt;b&gt;é&lt;/b&gt;" in (view.content or "")


def test_spark_that_cannot_be_imported_says_why(serve: Serve) -> None:
    text = """
import os, sys
os.makedirs('pyspark')
open('pyspark/__init__.py', 'w').close()
open('pyspark/sql.py', 'w').write('raise ImportError("Pandas >= 2.2 must be installed")')
sys.path.insert(0, os.getcwd())
spark.range(1)
"""
    assert output_of(notebook_client(serve, text)).error == (
        "ImportError: Pandas >= 2.2 must be installed"
    )


def test_spark_without_pyspark_is_an_error(serve: Serve) -> None:
    without_packages = "sys.path[:] = [path for path in sys.path if 'packages' not in path]"
    client = notebook_client(serve, f"import sys\n{without_packages}\nspark.range(1)")
    output = output_of(client)
    assert output.error is not None
    assert output.error.startswith("RuntimeError: There is no Spark in this environment.")


def test_lazy_object_has_its_class_once_spark_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code asks for one of Spark's classes, and other objects' checks start no Spark."""
    lazy = LazyObject(dict)
    monkeypatch.delitem(sys.modules, "pyspark.sql", raising=False)
    assert not isinstance(lazy, dict)
    monkeypatch.setitem(sys.modules, "pyspark.sql", sys)
    assert isinstance(lazy, dict)
    assert not isinstance(LazyObject(lambda: 1 / 0), dict)


@pytest.fixture
def secrets(client: Client, monkeypatch: pytest.MonkeyPatch) -> SecretsUtils:
    """The secrets of a workspace: of its environment, and a scope that was created."""
    monkeypatch.setenv("LAKEFLOW_SECRET_MY_SCOPE_DB_PASSWORD", "hunter2")
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_EMPTY", "")
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_KEY", "of the environment")
    client.sdk.secrets.create_scope("prod")
    client.sdk.secrets.put_secret("prod", "key", string_value="hunter22")
    return SecretsUtils(client.address.host, client.address.token)


def test_secret_is_that_of_its_scope_or_variable(secrets: SecretsUtils) -> None:
    assert secrets.get(scope="my-scope", key="db.password") == "hunter2"
    assert secrets.getBytes("prod", "key") == b"hunter22"
    assert secrets.get("prod", "empty") == ""


def test_missing_secret_names_its_variable(secrets: SecretsUtils) -> None:
    with pytest.raises(ValueError, match="set LAKEFLOW_SECRET_MY_SCOPE_A_KEY in the environment"):
        secrets.get("my-scope", "a key")


def test_scopes_and_keys_are_listed(secrets: SecretsUtils) -> None:
    (scope,) = secrets.listScopes()
    assert (scope.getName(), repr(scope)) == ("prod", "SecretScope(name='prod')")
    (secret,) = secrets.list("prod")
    assert (secret.key, repr(secret)) == ("key", "SecretMetadata(key='key')")


def test_notebook_that_another_one_runs_has_the_secrets_of_this_workspace(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code sets the variables of the SDK to call another workspace."""
    monkeypatch.setenv("LAKEFLOW_SECRET_PROD_USER", "writer")
    text = """
import os
os.environ["DATABRICKS_HOST"] = os.environ["DATABRICKS_TOKEN"] = "http://127.0.0.1:1"
dbutils.notebook.exit(dbutils.notebook.run("inner", 60))
"""
    inner = "dbutils.notebook.exit(len(dbutils.secrets.get('prod', 'user')))"
    assert result_of(notebook_client(serve, text, inner=inner)) == "6"


def test_insert_replaces_references(secrets: SecretsUtils) -> None:
    text = "a={{secrets/my-scope/db.password}} b={{secrets/prod/key}} c={{secrets/x}}"
    assert secrets.insert(text) == "a=hunter2 b=hunter22 c={{secrets/x}}"
