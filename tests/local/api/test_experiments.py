"""Experiments of MLflow, through the SDK."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.errors import NotFound
from databricks.sdk.service.ml import Experiment, ExperimentTag

from tests.local.support import Client

API = "/api/2.0/mlflow/experiments/"


def tags_of(experiment: Experiment | None) -> dict[str | None, str | None]:
    assert experiment is not None
    return {tag.key: tag.value for tag in experiment.tags or []}


def test_experiment_is_kept_renamed_and_deleted(client: Client) -> None:
    experiments = client.sdk.experiments
    new_id = experiments.create_experiment(
        "/Workspace/Shared/churn", tags=[ExperimentTag("team", "ml"), ExperimentTag("team", "ds")]
    ).experiment_id
    assert new_id is not None
    created = experiments.get_experiment(new_id).experiment
    assert created is not None
    assert (created.name, created.lifecycle_stage) == ("/Shared/churn", "active")
    assert created.artifact_location == f"dbfs:/databricks/mlflow-tracking/{new_id}"
    assert created.creation_time == created.last_update_time
    assert tags_of(created) == {
        "team": "ds",
        "mlflow.ownerEmail": client.sdk.current_user.me().user_name,
        "mlflow.experiment.sourceName": "/Shared/churn",
        "mlflow.experimentType": "MLFLOW_EXPERIMENT",
    }
    experiments.update_experiment(new_id, new_name="/Shared/loss")
    experiments.set_experiment_tag(new_id, "team", "bi")
    (changed,) = experiments.list_experiments()
    assert changed == experiments.get_by_name("/Workspace/Shared/loss").experiment
    assert tags_of(changed)["mlflow.experiment.sourceName"] == "/Shared/loss"
    assert tags_of(changed)["team"] == "bi"
    experiments.delete_experiment(new_id)
    for name in ("/Shared/churn", "/Shared/loss"):
        with pytest.raises(NotFound, match="does not exist"):
            experiments.get_by_name(name)
    assert list(experiments.list_experiments()) == []


def test_two_experiments_cannot_have_one_name(client: Client) -> None:
    first = client.sdk.experiments.create_experiment("/Shared/a").experiment_id
    client.sdk.experiments.create_experiment("/Shared/b")
    client.sdk.experiments.update_experiment(str(first), new_name="/Shared/a")
    for path, fields in [
        ("create", {"name": "/Workspace/Shared/b"}),
        ("update", {"experiment_id": first, "new_name": "/Shared/b"}),
    ]:
        status, error = client.http("POST", API + path, fields)
        assert (status, error["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("create", {}, "Missing required field: name"),
        ("create", {"name": "a", "tags": [{}]}, "Missing required field: key"),
        ("update", {"experiment_id": "7", "new_name": "a"}, "Experiment 7 does not exist."),
        ("set-experiment-tag", {"experiment_id": "7", "key": "a"}, "Experiment 7 does not exist."),
        ("delete", {}, "Missing required field: experiment_id"),
    ],
)
def test_invalid_request_about_an_experiment_is_refused(
    module_client: Client, path: str, fields: Any, message: str
) -> None:
    status, error = module_client.http("POST", API + path, fields)
    assert 400 <= status < 500
    assert message in error["message"]
    assert module_client.http("GET", f"{API}list") == (200, {"experiments": []})


def test_permissions_of_an_experiment_are_kept(client: Client) -> None:
    new_id = client.sdk.experiments.create_experiment("/Shared/a").experiment_id
    path = f"/api/2.0/permissions/experiments/{new_id}"
    entry = {"group_name": "users", "permission_level": "CAN_READ"}
    assert client.http("PUT", path, {"access_control_list": [entry]})[0] == 200
    found = client.sdk.experiments.get_permissions(str(new_id))
    assert found.object_type == "mlflowExperiment"
    assert "users" in [each.group_name for each in found.access_control_list or []]
    client.sdk.experiments.delete_experiment(str(new_id))
    assert client.http("GET", path)[0] == 404
