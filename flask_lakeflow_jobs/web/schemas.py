"""What the routes take and give, as marshmallow schemas: they check, and they are documented."""

from __future__ import annotations

from marshmallow import INCLUDE, Schema, fields, validate

from ..runs.outcome import Outcome

MAX_TASKS = 1_000

OUTCOMES = [outcome.value for outcome in Outcome]


def _described(text: str) -> dict[str, str]:
    return {"description": text}


# ── taken ─────────────────────────────────────────────────────────────────────────────────────────


class RepairSchema(Schema):
    """What a repair is asked for."""

    rerun_tasks = fields.List(
        fields.String(validate=validate.Length(min=1, max=255)),
        data_key="rerunTasks",
        validate=validate.Length(min=1, max=MAX_TASKS),
        metadata=_described("The task keys, in place of all that failed."),
    )
    rerun_dependent_tasks = fields.Boolean(
        data_key="rerunDependentTasks",
        metadata=_described("Whether what depends on them runs again too."),
    )


# ── given ─────────────────────────────────────────────────────────────────────────────────────────


class Open(Schema):
    """What has more members than those named, as the Jobs API spells them."""

    class Meta:
        unknown = INCLUDE


class JobSchema(Schema):
    key = fields.String(required=True)
    job_id = fields.Integer(required=True, data_key="jobId")
    task_type = fields.String(required=True, allow_none=True, data_key="taskType")
    description = fields.String(required=True, allow_none=True)
    run_as = fields.String(
        required=True, data_key="runAs", validate=validate.OneOf(["app", "user"])
    )
    params = fields.Dict(
        required=True,
        metadata=_described(
            "The JSON Schema of the parameters: of the job's own schema, else of what its task type"
            " takes."
        ),
    )


class JobsSchema(Schema):
    jobs = fields.List(fields.Nested(JobSchema), required=True)


class TriggeredSchema(Schema):
    run_id = fields.Integer(required=True, data_key="runId")


class RepairedSchema(Schema):
    repair_id = fields.Integer(required=True, data_key="repairId")


class RunSchema(Open):
    """A run; secrets among its parameters are masked."""

    run_id = fields.Integer(required=True)
    job_id = fields.Integer()
    run_name = fields.String()
    run_page_url = fields.String()
    start_time = fields.Integer(metadata=_described("Milliseconds since the epoch."))
    end_time = fields.Integer(metadata=_described("Milliseconds since the epoch; 0: not yet."))
    state = fields.Dict()
    status = fields.Dict()
    tasks = fields.List(fields.Nested(Open))


class RunsSchema(Schema):
    runs = fields.List(
        fields.Nested(RunSchema), required=True, metadata=_described("The newest first.")
    )


class StatusSchema(Schema):
    """The newest run; of a job without runs, all members are null."""

    status = fields.String(
        required=True, allow_none=True, metadata=_described("The Jobs API's life-cycle word.")
    )
    outcome = fields.String(required=True, allow_none=True, validate=validate.OneOf(OUTCOMES))
    run = fields.Nested(RunSchema, required=True, allow_none=True)


class EventSchema(Open):
    """A state of a run. Of a stream of several runs each event has `job` and `runId`; those with a
    name have a problem, or nothing, in place of the state."""

    status = fields.String(metadata=_described("The Jobs API's life-cycle word."))
    outcome = fields.String(validate=validate.OneOf(OUTCOMES))
    timestamp = fields.Integer(metadata=_described("Milliseconds since the epoch: when it was so."))
    eta = fields.Integer(metadata=_described("Milliseconds since the epoch: the expected end."))
    run = fields.Nested(RunSchema)
    job = fields.String()
    run_id = fields.Integer(data_key="runId")


class ProblemSchema(Open):
    """A problem document (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    retryable = fields.Boolean(
        required=True, metadata=_described("Whether the same request may succeed later.")
    )
    errors = fields.Dict(metadata=_described("What is wrong, by field."))
    upstream_code = fields.String(metadata=_described("The error_code of the Jobs API."))
