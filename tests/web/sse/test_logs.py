"""Lines of streams are logged once, also if streams open at the same time."""

from __future__ import annotations

import logging

import pytest

from flask_lakeflow_jobs.web.sse import logs


def test_log_once_called_while_it_logs_logs_one_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_logged", {})
    caplog.set_level(logging.INFO, "flask_lakeflow_jobs.web")

    def open_another_stream(_: logging.LogRecord) -> bool:
        if len(caplog.records) < 3:
            logs.log_once("Viewers poll.")
        return True

    monkeypatch.setattr(caplog.handler, "filters", [open_another_stream])
    logs.log_once("Viewers poll.")
    assert caplog.messages == ["Viewers poll."]
