"""Parameters as they arrive upstream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from marshmallow import Schema, fields, validate

from flask_lakeflow_jobs import InvalidParameters, current_jobs
from flask_lakeflow_jobs.testing import FaultyWorkspace
from tests.conftest import MakeApp


class EtlParams(Schema):
    """Of a job whose names differ inside and outside."""

    start = fields.Date(required=True, data_key="startDate")
    tries = fields.Integer(load_default=3, validate=validate.Range(1, 5))
    dry = fields.Boolean(allow_none=True)
    ratio = fields.Float()


class Inputs(Schema):
    """Of a job with a list and an object, as for-each tasks and notebooks read them."""

    regions = fields.List(fields.String())
    days = fields.List(fields.Date())
    options = fields.Dict()
    tries = fields.Integer()


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
        given = {"regions": ["eü", "us"], "days": ["2013-01-02"], "options": {"a": [1, None]}}
        assert send_params({**given, "tries": 1}, task_type=task_type, params=Inputs) == {
            field: {
                "regions": '["eü", "us"]',
                "days": '["2013-01-02"]',
                "options": '{"a": [1, null]}',
                "tries": "1",
            }
        }

    def test_list_that_no_schema_declares_is_refused(self, send_params: Callable[..., Any]) -> None:
        with pytest.raises(InvalidParameters, match="regions: Cannot be sent as text"):
            send_params({"regions": ["eu"]}, task_type="job")

    def test_object_that_json_cannot_express_is_refused(
        self, send_params: Callable[..., Any]
    ) -> None:
        for value in (float("nan"), b"bytes", object()):
            with pytest.raises(InvalidParameters, match=r"options: .* JSON does not have"):
                send_params({"options": {"a": value}}, task_type="job", params=Inputs)

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

    def test_field_that_the_installed_sdk_may_lack_is_sent(
        self, send_params: Callable[..., Any]
    ) -> None:
        params = {"refresh_selection": ["a"], "reset_checkpoint_selection": ["b"]}
        assert send_params(params, task_type="pipeline") == {"pipeline_params": params}

    def test_run_now_fields_without_task_type_are_sent_unchanged(
        self, send_params: Callable[..., Any]
    ) -> None:
        params = {"notebook_params": {"day": "1"}, "python_params": ["x"]}

        assert send_params(params) == params

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
