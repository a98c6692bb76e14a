from __future__ import annotations

import os

import pytest

# Importing the example makes its app, by the settings of that moment: not by those of whoever
# runs the tests.
with pytest.MonkeyPatch.context() as environment:
    for name in list(os.environ):
        if name.startswith(("DATABRICKS_", "LAKEFLOW_")):
            environment.delenv(name)
    import example_app  # noqa: F401
