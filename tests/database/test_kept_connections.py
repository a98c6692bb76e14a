"""Connections that a process keeps between two transactions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def test_connection_of_another_engine_is_not_used(tmp_path: Path) -> None:
    old, new = (
        open_database(f"sqlite:///{name}", instance_path=tmp_path, setting="X_URL")
        for name in ("old.sqlite3", "new.sqlite3")
    )
    kept = KeptConnections()
    with kept.use(old.engine):
        pass
    with kept.use(new.engine) as connection:
        ((_, _, file),) = connection.execute("PRAGMA database_list")
    kept.close()
    for database in (old, new):
        database.close()
    assert Path(file).name == "new.sqlite3"


def test_close_while_another_thread_takes_the_last_connection_returns() -> None:
    class TakenMeanwhile(list[Any]):
        def __bool__(self) -> bool:
            return True

    kept = KeptConnections()
    kept._connections = TakenMeanwhile()
    kept.close()
