"""Sessions of SQL that are kept, and those that are not."""

from __future__ import annotations

import pytest

from flask_lakeflow_jobs.local.errors import ApiError
from flask_lakeflow_jobs.local.tasks import statement_runner
from flask_lakeflow_jobs.local.tasks.statement_runner import StatementSession, StatementSessions


def test_session_is_found_until_it_is_closed() -> None:
    sessions, session = StatementSessions(), StatementSession("dev")
    session_id = sessions.open(session)
    assert sessions.find(session_id) is session
    for _ in range(2):  # a client may repeat a request
        sessions.close(session_id)
    with pytest.raises(ApiError, match="Connect again: the local workspace keeps") as caught:
        sessions.find(session_id)
    assert caught.value.status == 404


def test_oldest_session_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_runner, "MAX_SESSIONS", 2)
    sessions = StatementSessions()
    first, *others = (sessions.open(StatementSession()) for _ in range(3))
    assert [sessions.find(each) for each in others]
    with pytest.raises(ApiError):
        sessions.find(first)
