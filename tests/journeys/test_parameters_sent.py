"""Parameters as they arrive upstream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.service.jobs import PipelineParams
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import InvalidParameters, current_jobs
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp

UNKNOWN_RUN = 1


class EtlParams(Schema):
    """Of a job whose names differ inside and outside."""

    start = fields.Date(required=True, data_key="startDate")
    tries = fields.Integer(load_default=3, validate=validate.Range(1, 5))
    dry = fields.Boolean(allow_none=True)
    ratio = fields.Float()


ETL = {"startDate": "2013-01-02", "dry": True, "ratio": 0.5}
ETL_AS_TEXT = {"startDate": "2013-01-02", "tries": "3", "dry": "true", "ratio": "0.5"}


class TestParametersSent:
    """Parameters as they arrive at the workspace."""

    @pytest.fixture
    def send_params(self, make_app: MakeApp, fault_proxy: FaultyWorkspace) -> Callable[..., Any]:
        def send_params(params: Any, /, **job: Any) -> Any:
            with make_app(jobs={"it": {"of": "never", **job}}).app_context():
                current_jobs["it"].run_now(params)
            body = dict(fault_proxy.find_requests("POST", "run-now")[-1].body)
            del body["job_id"], body["idempotency_token"]
            return body

        return send_params

    @pytest.mark.parametrize(
        ("task_type", "field"),
        [
            ("notebook", "notebook_params"),
            ("python_wheel", "python_named_params"),
            ("sql", "sql_params"),
            ("job", "job_parameters"),
        ],
    )
    def test_named_parameters_are_sent_as_text_under_their_names(
        self, send_params: Callable[..., Any], task_type: str, field: str
    ) -> None:
        assert send_params(ETL, task_type=task_type, params=EtlParams) == {field: ETL_AS_TEXT}

    @pytest.mark.parametrize(
        ("task_type", "field"), [("python_script", "python_params"), ("spark_jar", "jar_params")]
    )
    def test_listed_parameters_are_sent_in_order(
        self, send_params: Callable[..., Any], task_type: str, field: str
    ) -> None:
        assert send_params({"args": ["a", 1, False]}, task_type=task_type) == {
            field: ["a", "1", "false"]
        }

    def test_dbt_commands_and_pipeline_params_are_sent(
        self, send_params: Callable[..., Any]
    ) -> None:
        assert send_params({"commands": ["dbt run"]}, task_type="dbt_commands") == {
            "dbt_commands": ["dbt run"]
        }
        assert send_params({"full_refresh": True}, task_type="pipeline") == {
            "pipeline_params": {"full_refresh": True}
        }

    def test_field_that_the_installed_sdk_lacks_is_refused(
        self, send_params: Callable[..., Any], fault_proxy: FaultyWorkspace
    ) -> None:
        params = {"refresh_selection": ["a"]}
        if hasattr(PipelineParams(), "refresh_selection"):
            assert send_params(params, task_type="pipeline") == {"pipeline_params": params}
        else:
            with pytest.raises(InvalidParameters, match="Upgrade it"):
                send_params(params, task_type="pipeline")
            assert not fault_proxy.find_requests("POST")

    def test_schema_without_task_type_sends_all_parameters(
        self, send_params: Callable[..., Any], fault_proxy: FaultyWorkspace
    ) -> None:
        with pytest.raises(InvalidParameters, match="task_type") as caught:
            send_params(ETL, params=EtlParams)

        assert set(caught.value.messages) == set(ETL_AS_TEXT)
        assert not fault_proxy.find_requests("POST")

    def test_run_now_fields_without_task_type_are_sent_unchanged(
        self, send_params: Callable[..., Any]
    ) -> None:
        params = {"notebook_params": {"day": "1"}, "python_params": ["x"]}

        assert send_params(params) == params

    @pytest.mark.parametrize(
        "name", ["job_id", "idempotency_token", "only", "queue", "performance_target", "day"]
    )
    def test_other_parameters_without_task_type_are_refused(
        self, send_params: Callable[..., Any], fault_proxy: FaultyWorkspace, name: str
    ) -> None:
        with pytest.raises(InvalidParameters) as caught:
            send_params({name: "1"})

        assert set(caught.value.messages) == {name}
        assert not fault_proxy.find_requests("POST")

    def test_dbt_job_with_parameters_is_refused(self, send_params: Callable[..., Any]) -> None:
        with pytest.raises(InvalidParameters, match="dbt"):
            send_params({"day": "1"}, task_type="dbt")
        assert send_params({}, task_type="dbt") == {}

    def test_null_parameter_is_omitted(self, send_params: Callable[..., Any]) -> None:
        params = {"startDate": "2013-01-02", "dry": None, "tries": 1}

        assert send_params(params, task_type="job", params=EtlParams) == {
            "job_parameters": {"startDate": "2013-01-02", "tries": "1"}
        }

    @pytest.mark.parametrize(
        "params", [{"args": "not a list"}, {"args": [None]}, {"args": ["x"], "more": 1}]
    )
    def test_args_that_are_no_list_are_refused(
        self, send_params: Callable[..., Any], fault_proxy: FaultyWorkspace, params: Any
    ) -> None:
        with pytest.raises(InvalidParameters):
            send_params(params, task_type="python_script")
        assert not fault_proxy.find_requests("POST")

    @pytest.mark.parametrize("value", [{"a": 1}, ["a"], float("nan"), float("inf")])
    def test_value_without_text_form_is_refused(
        self, send_params: Callable[..., Any], value: Any
    ) -> None:
        with pytest.raises(InvalidParameters) as caught:
            send_params({"day": value}, task_type="notebook")

        assert caught.value.code == 400
        assert set(caught.value.messages) == {"day"}

    def test_value_that_the_schema_deserialized_is_sent_as_text(
        self, send_params: Callable[..., Any]
    ) -> None:
        schema = {"day": fields.Date(), "at": fields.AwareDateTime(), "id": fields.UUID()}
        params = {
            "day": "2013-01-02",
            "at": "2013-01-02T03:04:05+00:00",
            "id": "00000000-0000-4000-8000-000000000000",
        }

        assert send_params(params, task_type="job", params=schema) == {"job_parameters": params}

    def test_schema_errors_are_reported_by_field(
        self, send_params: Callable[..., Any], fault_proxy: FaultyWorkspace
    ) -> None:
        with pytest.raises(InvalidParameters) as caught:
            send_params({"tries": 9, "typo": 1}, task_type="job", params=EtlParams)

        assert set(caught.value.messages) == {"startDate", "tries", "typo"}
        assert not fault_proxy.find_requests("POST")
