"""The catalogs that Sail has to know."""

from __future__ import annotations

from typing import Any

import pytest

from flask_lakeflow_jobs.local.tasks.catalogs import find_catalogs


@pytest.mark.parametrize(
    ("settings", "catalogs"),
    [
        ({"parameters": [{"name": "catalog", "default": "dev"}]}, {"dev"}),
        ({"base_parameters": {"target_catalog": "prod", "schema": "raw"}}, {"prod"}),
        (["--catalog", "dev", "--schema", "raw"], {"dev"}),
        (["--catalog=dev", "raw"], {"dev"}),
        ({"catalog": "{{job.parameters.x}}", "n": 1}, set()),
        ({"catalog": "a.b"}, set()),
    ],
)
def test_catalogs_are_values_of_what_is_named_so(settings: Any, catalogs: set[str]) -> None:
    assert find_catalogs(settings) == catalogs
