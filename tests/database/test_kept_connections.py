"""Connections that a process keeps between two transactions."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_lakeflow_jobs.database.database import open_database
from flask_lakeflow_jobs.database.kept_connections import KeptConnections


@pytest.mark.parametrize("scheme", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("error", "is_same"), [(KeyboardInterrupt(), False), (ValueError(), True)])
def test_interrupted_write_loses_its_connection(
    scheme: str,
    error: BaseException,
    is_same: bool,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    url = True if scheme == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_database(url, instance_path=tmp_path, setting="X_URL").engine
    kept = KeptConnections()
    with kept.use(engine) as before:
        pass
    with pytest.raises(type(error)), kept.use(engine):
        raise error
    with kept.use(engine) as after:
        pass
    kept.close()
    assert (after is before) is is_same
