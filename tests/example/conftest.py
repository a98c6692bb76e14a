from __future__ import annotations

import os

import pytest

# Importing the example creates its app, which must not use the settings of this environment.
with pytest.MonkeyPatch.context() as environment:
    for name in list(os.environ):
        if name.startswith(("DATABRICKS_", "LAKEFLOW_")):
            environment.delenv(name)
    import example_app  # noqa: F401
