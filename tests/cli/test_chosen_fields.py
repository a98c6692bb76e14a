"""The members of JSON documents that a user chooses."""

from __future__ import annotations

from typing import Any

import click
import pytest

from flask_lakeflow_jobs.cli.chosen_fields import select_fields
from tests.cli.conftest import RunFlask, start_run


@pytest.mark.parametrize(
    ("document", "selected"),
    [
        ({"a": 1, "b": {"c": 2}, "d": 3}, {"a": 1, "b.c": 2}),
        ({"a": 1, "b": None}, {"a": 1, "b.c": None}),
        ({"runs": [{"a": 1, "b": {"c": 2}}, {"a": 3}]}, None),
        ({"runs": []}, {"runs": []}),
    ],
)
def test_select_fields_of_documents(
    document: dict[str, Any], selected: dict[str, Any] | None
) -> None:
    items = [{"a": 1, "b.c": 2}, {"a": 3, "b.c": None}]
    assert select_fields(document, ["a", "b.c"]) == (selected or {"runs": items})


def test_select_fields_unknown_name_suggests_known_ones() -> None:
    with pytest.raises(click.UsageError) as caught:
        select_fields({"run_id": 1}, ["runid"], ["end_time"])
    assert caught.value.message == (
        "There is no field 'runid'. Did you mean 'run_id'? The fields: end_time, run_id."
    )
    assert select_fields({"run_id": 1}, ["end_time"], ["end_time"]) == {"end_time": None}


def test_commands_print_chosen_fields_as_json(flask_jobs: RunFlask) -> None:
    run_id = int(start_run(flask_jobs, "words", "-p", "args=x"))
    flask_jobs("watch", "words", str(run_id))
    names = "run_id,outcome,requested_by,state.result_state,effective_performance_target"
    expected = {
        "run_id": run_id,
        "outcome": "succeeded",
        "state.result_state": "SUCCESS",
        "effective_performance_target": None,
    }
    shown = flask_jobs("show", "words", str(run_id), "--fields", names).document
    assert shown.pop("requested_by").endswith("(command line)")
    assert shown == expected
    runs = flask_jobs("runs", "words", "--fields", "outcome", "--limit", "1").document
    assert runs == {"runs": [{"outcome": "succeeded"}]}
    assert flask_jobs("list", "--fields", "key").document["jobs"][0].keys() == {"key"}
    assert flask_jobs("status", "words", "--fields", "run.run_id").document == {
        "run.run_id": run_id
    }
    refused = flask_jobs("runs", "words", "--fields", "outcom")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Did you mean 'outcome'?" in refused.stderr
