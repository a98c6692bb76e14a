"""The identity that runs the jobs of a bundle."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local import BundleError
from tests.local.bundle.conftest import Load
from tests.local.bundle.support import bundle_text


@pytest.mark.parametrize(
    ("field", "more", "expected"),
    [
        ("timeout_seconds: 1", "run_as: {user_name: a@b.c}", {"user_name": "a@b.c"}),
        ("run_as: {user_name: own}", "run_as: {user_name: a@b.c}", {"user_name": "own"}),
        (
            "timeout_seconds: 1",
            (
                "variables: {who: {default: sp}}\ntargets: {dev: {run_as: "
                "{service_principal_name: '${var.who}'}}}\nrun_as: {user_name: x}"
            ),
            {"service_principal_name": "sp"},
        ),
        (
            "timeout_seconds: 1",
            "run_as: {user_name: a}\ntargets: {dev: {resources: {dashboards: {x: }}}}",
            {"user_name": "a"},
        ),
        (
            "timeout_seconds: 1",
            (
                "run_as: {user_name: a}\ntargets: {dev: {resources: {dashboards: {x: "
                "{embed_credentials: false}}}}}"
            ),
            {"user_name": "a"},
        ),
        ("timeout_seconds: 1", "", None),
        ("timeout_seconds: 1", "run_as:", None),
    ],
)
def test_run_as_of_bundle_reaches_jobs(load: Load, field: str, more: str, expected: Any) -> None:
    assert load(bundle_text(field, more=more)).jobs["etl"].settings.get("run_as") == expected


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("run_as: {}", "'run_as' names neither of 'service_principal_name' and 'user_name'."),
        ("run_as: {user_name: ''}", "'run_as' names neither of"),
        ("run_as: {user_name: a, service_principal_name: b}", "'run_as' names both of"),
        (
            (
                "run_as: {user_name: a}\ntargets: {dev: {resources: {dashboards: {x: "
                "{embed_credentials: true}}}}}"
            ),
            "'run_as' cannot name someone else in a bundle with 'dashboards' with 'embed_cred",
        ),
        ("run_as: 5", "'run_as' has to be a mapping."),
        *(
            (
                "run_as: {user_name: a}\ntargets: {dev: {resources: {" + kind + ": {x: {}}}}}",
                f"'run_as' cannot name someone else in a bundle with '{kind}', which only their",
            )
            for kind in ("apps", "model_serving_endpoints", "quality_monitors")
        ),
    ],
)
def test_run_as_of_bundle_is_refused(load: Load, more: str, message: str) -> None:
    with pytest.raises(BundleError) as error:
        load(bundle_text(more=more))
    assert str(error.value).startswith(f"databricks.yml:9: {message}")


def test_run_as_may_be_the_owner_of_any_resource(load: Load) -> None:
    more = "run_as: {user_name: Jo.Doe@localhost}\ntargets: {dev: {resources: {apps: {x: {}}}}}"
    assert load(bundle_text(more=more)).jobs["etl"].settings["run_as"]
