"""What the routes take and give, as marshmallow schemas."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

MOST_TASKS = 1_000


class RepairSchema(Schema):
    """What a repair is asked for."""

    rerun_tasks = fields.List(
        fields.String(validate=validate.Length(min=1, max=255)),
        data_key="rerunTasks",
        validate=validate.Length(min=1, max=MOST_TASKS),
        metadata={"description": "The task keys, in place of all that failed."},
    )
    rerun_dependent_tasks = fields.Boolean(
        data_key="rerunDependentTasks",
        metadata={"description": "Whether what depends on them runs again too."},
    )
