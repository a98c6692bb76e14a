"""The records of the loggers of the extension."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

import flask_lakeflow_jobs
from flask_lakeflow_jobs import loggers
from flask_lakeflow_jobs.loggers import LOGGER_NAMES, log_once

PACKAGE = Path(flask_lakeflow_jobs.__file__).parent

HOSTILE = "dapi0123456789 is bad\nCRITICAL:root:forged\x1b[2J\u202e"


@pytest.mark.parametrize("name", LOGGER_NAMES)
def test_record_is_one_line_without_tokens(name: str, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger(name).warning("%s failed: %s (%d)", HOSTILE, ValueError(HOSTILE), 7)
    logging.getLogger(name).warning(HOSTILE)

    clean = "… is bad CRITICAL:root:forged [2J "
    assert caplog.messages == [f"{clean} failed: {clean} (7)", clean]


def test_record_keeps_what_is_no_text(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger(LOGGER_NAMES[0]).warning("%d %.1f %r %r", 1, 2.5, None, "a")
    logging.getLogger(LOGGER_NAMES[0]).warning("%(a)s", {"a": 1})

    assert caplog.messages == ["1 2.5 None 'a'", "1"]


def test_all_loggers_of_the_package_are_cleaned() -> None:
    used = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(
            r'getLogger\("(flask_lakeflow_jobs[^"]*)"\)', path.read_text(encoding="utf-8")
        )
    }
    assert used == set(LOGGER_NAMES)


def test_log_once_called_while_it_logs_logs_one_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers, "_logged", {})
    name = "flask_lakeflow_jobs.web"
    caplog.set_level(logging.INFO, name)

    def log_again(_: logging.LogRecord) -> bool:
        if len(caplog.records) < 3:
            log_once(name, "Viewers poll.")
        return True

    monkeypatch.setattr(caplog.handler, "filters", [log_again])
    log_once(name, "Viewers poll.")
    assert caplog.messages == ["Viewers poll."]
