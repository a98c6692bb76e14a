"""The SDK, at the newest version and at the lowest one that the package supports."""

from __future__ import annotations

from importlib.metadata import requires

import pytest

from tests.clients.conftest import Install
from tests.clients.support import WorkspaceProcess, run_driver

_NAME = "databricks-sdk"
_LOWEST = next(
    requirement.replace(">=", "==")
    for requirement in requires("flask-lakeflow-jobs") or []
    if requirement.startswith(_NAME)
)

_EXPECTED = {
    "definitions": {
        "updated": ["changed", ["first", "second"]],
        "reset": ["reset", ["third"]],
        "listed by name": True,
        "get after delete": "ResourceDoesNotExist",
    },
    "permissions": {
        "granted": ["IS_OWNER", "CAN_MANAGE"],  # of the owner and of admins
        "levels": ["CAN_MANAGE", "CAN_MANAGE_RUN", "CAN_VIEW", "IS_OWNER"],
    },
    "outputs": {
        "ending": "SUCCESS",
        "same token, same run": True,
        "logs of the script": "extracted 2013-02-03\n",
        "result of the notebook": "loaded 2013-02-03",
        "views of the notebook": ["load"],
        "output of all tasks": "InvalidParameterValue",
    },
    "submission": {"ending": "SUCCESS", "name": "submitted", "result": "loaded 2013-02-04"},
    "repair": {
        "at first": "OperationFailed",
        "repaired": "SUCCESS",
        "history": ["ORIGINAL", "REPAIR"],
    },
    "cancellation": {
        "one": "CANCELED",
        "active ones listed": True,
        "all": ["CANCELED", "CANCELED"],
    },
    "deletion": {"get after delete": "ResourceDoesNotExist"},
    "paging": {
        "runs listed": 60,
        "as started": True,
    },
}


@pytest.mark.parametrize("login", ["token", "client id and secret"])
@pytest.mark.parametrize(
    # the lowest version reads one page of tasks
    ("requirement", "task_count"),
    [(_NAME, 120), (_LOWEST, 100)],
)
def test_sdk_makes_every_call_of_the_jobs_api(
    requirement: str,
    task_count: int,
    login: str,
    install_from_pypi: Install,
    workspace: WorkspaceProcess,
) -> None:
    environ = dict(workspace.environ)
    if login != "token":
        environ["DATABRICKS_CLIENT_ID"] = "a-service-principal"
        environ["DATABRICKS_CLIENT_SECRET"] = environ.pop("DATABRICKS_TOKEN")
    results = run_driver("with_sdk.py", install_from_pypi(requirement, requirement), environ)
    assert results.pop("user").endswith("@localhost")
    for whole in ("tasks of the job", "tasks of its run"):
        assert results["paging"].pop(whole) == task_count
    assert results == _EXPECTED
