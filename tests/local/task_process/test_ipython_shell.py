"""The shell of IPython, in which code of Databricks looks for ``dbutils``."""

from __future__ import annotations

from tests.local.conftest import Serve
from tests.local.support import notebook_task, python_task
from tests.local.task_process.support import HEADER, result_of

IPYTHON = "get_ipython = lambda: None\n"
HELPER = """
import IPython

IPython.get_ipython().events.register("post_run_cell", print)  # as mlflow and matplotlib do

def get_day():
    dbutils = IPython.get_ipython().user_ns["dbutils"]
    return dbutils.widgets.get("day")
"""
NOTEBOOK = """
day = dbutils.widgets.get("day")
assert get_ipython().user_ns["day"] is day
assert get_ipython().ns_table["user_global"]["dbutils"] is dbutils
assert "IPKernelApp" not in get_ipython().config
from helper import get_day
dbutils.notebook.exit(get_day())
"""


def test_modules_of_a_notebook_get_its_dbutils_from_ipython(serve: Serve) -> None:
    files = {"IPython.py": IPYTHON, "helper.py": HELPER, "main.py": HEADER + NOTEBOOK}
    task = notebook_task("main", "main.py")
    client = serve({"etl": {"tasks": [task]}}, files)
    assert result_of(client, notebook_params={"day": "monday"}) == "monday"


def test_modules_of_a_script_get_dbutils_from_ipython(serve: Serve) -> None:
    script = (
        "import IPython; dbutils = IPython.get_ipython().user_ns['dbutils']; print(dbutils.widgets)"
    )
    files = {"IPython.py": IPYTHON, "helper.py": script, "main.py": "import helper"}
    client = serve({"etl": {"tasks": [python_task("main", "main.py")]}}, files)
    assert "WidgetsUtils" in (client.outputs(client.run("etl"))["main"].logs or "")
