"""The loggers of the extension, and what no record of them contains."""

from __future__ import annotations

import logging

from .text import clean_line

#: Stable names: they do not follow the modules.
LOGGER_NAMES = (
    "flask_lakeflow_jobs",
    "flask_lakeflow_jobs.audit",
    "flask_lakeflow_jobs.local",
    "flask_lakeflow_jobs.polling",
    "flask_lakeflow_jobs.upstream",
    "flask_lakeflow_jobs.web",
)


#: The lines of :func:`log_once`, each with the call that logged it.
_logged: dict[str, object] = {}


class RecordCleaner(logging.Filter):
    """A filter that keeps every record on one line, without tokens.

    Records quote the workspace, users and the host app. The trace of an exception stays as it is.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = clean_line(str(record.msg))
        if isinstance(record.args, tuple):
            record.args = tuple(map(_clean_argument, record.args))
        return True


def _clean_argument(value: object) -> object:
    return value if isinstance(value, int | float | None) else clean_line(str(value))


def clean_records() -> None:
    cleaner = RecordCleaner()
    for name in LOGGER_NAMES:
        logging.getLogger(name).addFilter(cleaner)


def log_once(name: str, message: str) -> None:
    """Log a line at level INFO, if this process has not logged it yet.

    :param name: the logger's.
    """
    call = object()
    if _logged.setdefault(message, call) is call:  # atomic: threads may log at the same time
        logging.getLogger(name).info(message)
